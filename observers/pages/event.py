"""One event: its two times, its fields, its place in the chain, its keys. It must never show a
payload otherwise than it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from events.errors import CanonicalJSONError, TimestampError
from events.event import FIELDS, GENESIS_HASH, Event
from events.store.drift import get_threshold
from events.store.ledger import EventFilter, PostgresEventStore
from events.store.registry import AgentKeyRecord, WitnessRecord, list_agent_keys, list_witnesses
from observers.checks import MEANINGS, Check
from observers.ledger_check import verify_ledger
from observers.pages.filters import MAX_SEQUENCE
from observers.pages.gaps import place
from observers.pages.rendering import render_page
from observers.pages.standing import Outlook, read_outlook
from observers.pages.timeline import gap_at


@dataclass(frozen=True, slots=True)
class Payload:
    """The canonical text, or why there is none and what is stored instead."""

    text: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Clocks:
    """The distance between the two clocks."""

    seconds: Decimal
    direction: str
    warned: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """A check of the event format: what it shows, and how it failed. `made` is whether it could
    be made at all."""

    check: Check
    meaning: str
    failures: tuple[str, ...]
    made: bool

    @property
    def passed(self) -> bool:
        return self.made and not self.failures


@dataclass(frozen=True, slots=True)
class Link:
    """The bond to the event before or after; `event` None: it is missing."""

    sequence: int
    event: Event | None
    holds: bool


@login_required
@require_safe
def event_page(request: HttpRequest, sequence: int) -> HttpResponse:
    """The event at a place in the sequence, or what is known of that place."""
    using = settings.LEDGER_READ_ALIAS
    outlook = read_outlook()
    around: dict[int, Event] = {}
    if 1 <= sequence <= MAX_SEQUENCE:
        chosen = EventFilter(start=max(sequence - 1, 1), end=min(sequence + 1, MAX_SEQUENCE))
        found = PostgresEventStore(using).select(chosen, limit=3)
        around = {event.sequence: event for event in found}
    event = around.get(sequence)
    if event is None:
        return _missing(request, sequence, outlook)
    previous = _previous(event, around)
    verdicts = _verdicts(using, event, previous)
    context = {
        "event": event,
        "verdicts": verdicts,
        "failed": sum(1 for verdict in verdicts if verdict.failures),
        "fields": [(name, getattr(event, name)) for name in FIELDS if name != "payload"],
        "payload": _payload(event),
        "clocks": _clocks(event, get_threshold(using)),
        "previous": previous,
        "next": _next(event, around, outlook.standing.last_sequence),
        "key": _agent_key(using, event),
        "witness": _witness(using, event),
        "site": f"{request.scheme}://{request.get_host()}",
    }
    return render_page(request, "event.html", outlook, context)


@login_required
@require_safe
def event_by_id(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """On to the event's place in the sequence."""
    store = PostgresEventStore(settings.LEDGER_READ_ALIAS)
    event = store.get_events_by_id([str(event_id)]).get(str(event_id))
    if event is None:
        context = {"event_id": str(event_id)}
        return render_page(request, "missing.html", read_outlook(), context, status=404)
    return redirect("event", sequence=event.sequence)


@login_required
@require_safe
def find(request: HttpRequest) -> HttpResponse:
    """On to the event of a sequence number or an event id."""
    wanted = request.GET.get("q", "").strip()
    if wanted.isascii() and wanted.isdigit():
        return redirect("event", sequence=int(wanted[:30]))
    try:
        return redirect("event-by-id", event_id=UUID(wanted))
    except ValueError:
        context = {"wanted": wanted[:200]}
        return render_page(request, "missing.html", read_outlook(), context, status=404)


def _missing(request: HttpRequest, sequence: int, outlook: Outlook) -> HttpResponse:
    using, last = settings.LEDGER_READ_ALIAS, outlook.standing.last_sequence
    known = gap_at(PostgresEventStore(using), sequence, last)
    context = {
        "sequence": sequence,
        "last": last,
        "placed": place(using, (known,))[0] if known else None,
    }
    return render_page(request, "missing.html", outlook, context, status=404)


def _payload(event: Event) -> Payload:
    try:
        return Payload(event.canonical_payload.decode())
    except CanonicalJSONError as error:
        return Payload(event.payload, str(error))


def _clocks(event: Event, threshold: Decimal) -> Clocks | None:
    try:
        drift = event.drift
    except TimestampError:
        return None
    return Clocks(drift.seconds, drift.direction, drift.exceeds(threshold))


def _previous(event: Event, around: dict[int, Event]) -> Link | None:
    """The event before; for the first, None when its prev_hash is the genesis hash."""
    before = around.get(event.sequence - 1)
    if event.sequence == 1:
        return None if event.prev_hash == GENESIS_HASH else Link(0, None, holds=False)
    holds = before is not None and before.content_hash == event.prev_hash
    return Link(event.sequence - 1, before, holds)


def _next(event: Event, around: dict[int, Event], last: int) -> Link | None:
    """The event after; None at the end of the ledger."""
    if event.sequence >= last:
        return None
    after = around.get(event.sequence + 1)
    holds = after is not None and after.prev_hash == event.content_hash
    return Link(event.sequence + 1, after, holds)


def _verdicts(using: str, event: Event, previous: Link | None) -> list[Verdict]:
    """Every check, made now by the same code as `verify_ledger`."""
    report = verify_ledger(using, event.sequence, event.sequence)
    orphan = previous is not None and previous.sequence > 0 and previous.event is None
    return [
        Verdict(
            check,
            MEANINGS[check],
            tuple(finding.detail for finding in report.findings if finding.check is check),
            made=not (orphan and check is Check.PREV_HASH),
        )
        for check in Check
    ]


def _agent_key(using: str, event: Event) -> AgentKeyRecord | None:
    keys = list_agent_keys(using)
    return next((key for key in keys if key.key_id == event.signing_key_id), None)


def _witness(using: str, event: Event) -> WitnessRecord | None:
    witnesses = list_witnesses(using)
    return next((each for each in witnesses if each.witness_id == event.witness_id), None)
