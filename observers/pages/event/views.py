"""Serves the page of one event: times, payload, checks, place in the chain, keys and fields.

A permanent link pins the event's `content_hash`; the page says whether it still matches, and
answers 409 when it does not.
"""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from events.access.request_context import note_events
from events.format.event import FIELDS, MAX_SEQUENCE, Event
from events.store.drift import shown_threshold
from events.store.ledger import EventFilter, PostgresEventStore
from events.store.registry import AgentKeyRecord, WitnessRecord, list_agent_keys, list_witnesses
from observers.pages.event.figures import read_clocks, read_payload
from observers.pages.event.verdicts import (
    judge,
    link_after,
    link_before,
    permanent_address,
    read_pin,
    signed_how,
    summarize,
)
from observers.pages.events.timeline import gap_at
from observers.pages.gaps.views import place
from observers.pages.permissions import require_reader
from observers.pages.rendering import render_page
from observers.pages.status import LedgerStatus, read_status
from observers.replica.reading import alias_reaching, find_by_id
from observers.verification.ceremonies import claimed_erasure
from observers.verification.event_keys import unregistered_keys
from observers.verification.ledger import verify_ledger


@require_reader
@require_safe
def event_page(request: HttpRequest, sequence: int) -> HttpResponse:
    """The event with a sequence number, or what is known about a missing number."""
    using = alias_reaching(min(sequence, MAX_SEQUENCE))
    outlook = read_status(using)
    around: dict[int, Event] = {}
    if 1 <= sequence <= MAX_SEQUENCE:
        chosen = EventFilter(start=max(sequence - 1, 1), end=min(sequence + 1, MAX_SEQUENCE))
        found = PostgresEventStore(using).select(chosen, limit=3)
        around = {event.sequence: event for event in found}
    event = around.get(sequence)
    if event is None:
        return _missing(request, sequence, outlook, using)
    previous = link_before(event, around)
    note_events(request, 1)
    report = verify_ledger(using, event.sequence, event.sequence)
    erasure = next(iter(report.erased), None)
    key, witness = _agent_key(using, event), _witness(using, event)
    unregistered = unregistered_keys(using, key, witness)
    verdicts = judge(using, report, previous, outlook.standing.last_sequence, unregistered)
    pin = read_pin(request, event)
    context = {
        "event": event,
        "pin": pin,
        "permalink": permanent_address(request, event),
        "verdicts": verdicts,
        "summary": summarize(verdicts, pin, erasure),
        "fields": [(name, getattr(event, name)) for name in FIELDS if name != "payload"],
        "payload": read_payload(event),
        "erasure": erasure,
        "is_erased": claimed_erasure(event) is not None,
        "clocks": read_clocks(event, shown_threshold(using)),
        "previous": previous,
        "next": link_after(event, around, outlook.standing.last_sequence),
        "key": key,
        "signed_how": signed_how(event),
        "witness": witness,
    }
    status = pin.status if pin else 200
    return render_page(request, "event.html", outlook, context, status=status)


@require_reader
@require_safe
def event_by_id(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """Redirects from an event id to the event's sequence number."""
    event = find_by_id(str(event_id))
    if event is None:
        context = {"event_id": str(event_id)}
        return render_page(request, "missing.html", read_status(), context, status=404)
    return redirect("event", sequence=event.sequence)


@require_reader
@require_safe
def find(request: HttpRequest) -> HttpResponse:
    """Redirects to the event with a sequence number or an event id."""
    wanted = request.GET.get("q", "").strip()
    if wanted.isascii() and wanted.isdigit():
        return redirect("event", sequence=int(wanted[:30]))
    try:
        return redirect("event-by-id", event_id=UUID(wanted))
    except ValueError:
        context = {"wanted": wanted[:200]}
        return render_page(request, "missing.html", read_status(), context, status=404)


def _missing(
    request: HttpRequest, sequence: int, outlook: LedgerStatus, using: str
) -> HttpResponse:
    last = outlook.standing.last_sequence
    known = gap_at(PostgresEventStore(using), sequence, last)
    context = {
        "sequence": sequence,
        "last": last,
        "placed": place(using, (known,))[0] if known else None,
        "pin": read_pin(request, None),
    }
    return render_page(request, "event_missing.html", outlook, context, status=404)


def _agent_key(using: str, event: Event) -> AgentKeyRecord | None:
    keys = list_agent_keys(using)
    return next((key for key in keys if key.key_id == event.signing_key_id), None)


def _witness(using: str, event: Event) -> WitnessRecord | None:
    witnesses = list_witnesses(using)
    return next((each for each in witnesses if each.witness_id == event.witness_id), None)
