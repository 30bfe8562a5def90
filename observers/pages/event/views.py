"""Serves the page of one event: times, payload, checks, place in the chain, keys and fields.

A permanent link pins the event's `content_hash`; the page says whether it still matches, and
answers 409 when it does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from events.access.request_context import note_events
from events.format.event import FIELDS, GENESIS_HASH, Event
from events.store.drift import shown_threshold
from events.store.ledger import EventFilter, PostgresEventStore
from events.store.registry import AgentKeyRecord, WitnessRecord, list_agent_keys, list_witnesses
from observers.filters import MAX_SEQUENCE
from observers.pages.event.figures import read_clocks, read_payload
from observers.pages.events.timeline import gap_at
from observers.pages.gaps.views import place
from observers.pages.permissions import require_reader
from observers.pages.rendering import render_page
from observers.pages.status import LedgerStatus, read_status
from observers.replica.reading import alias_reaching, find_by_id
from observers.verification.ceremonies import claimed_erasure
from observers.verification.checks import MEANINGS, Check
from observers.verification.ledger import verify_ledger
from observers.verification.report import Report

PARAMETER = "content_hash"
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class HashPin:
    """The hash in a permanent link and the event's current hash, None if the event is missing."""

    wanted: str
    found: str | None

    @property
    def readable(self) -> bool:
        return _HASH.fullmatch(self.wanted) is not None

    @property
    def holds(self) -> bool:
        return self.wanted == self.found

    @property
    def status(self) -> int:
        """400 for a malformed hash, 409 when link and ledger differ, otherwise 200."""
        if not self.readable:
            return HTTPStatus.BAD_REQUEST
        return HTTPStatus.OK if self.holds else HTTPStatus.CONFLICT


def read_pin(request: HttpRequest, event: Event | None) -> HashPin | None:
    """The pin in the address; None when there is none."""
    wanted = request.GET.get(PARAMETER)
    if wanted is None:
        return None
    return HashPin(wanted.strip().lower()[:200], event.content_hash if event else None)


def permanent_address(request: HttpRequest, event: Event) -> str:
    """The absolute address of an event, with its hash."""
    place = reverse("event", args=[event.sequence])
    return request.build_absolute_uri(f"{place}?{PARAMETER}={event.content_hash}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one check. `made` is False when it could not be run; `note` explains."""

    check: Check
    meaning: str
    failures: tuple[str, ...]
    made: bool = True
    note: str = ""

    @property
    def passed(self) -> bool:
        return self.made and not self.failures

    @property
    def state(self) -> str:
        """`passed`, `failed` or `unmade`, the states of the browser's checks."""
        return "failed" if self.failures else "passed" if self.made else "unmade"


@dataclass(frozen=True, slots=True)
class Link:
    """The chain link to the event before or after; `event` is None when that one is missing."""

    sequence: int
    event: Event | None
    holds: bool


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
    previous = _previous(event, around)
    note_events(request, 1)
    report = verify_ledger(using, event.sequence, event.sequence)
    erasure = next(iter(report.erased), None)
    verdicts = _verdicts(using, report, previous, outlook.standing.last_sequence)
    pin = read_pin(request, event)
    context = {
        "event": event,
        "pin": pin,
        "permalink": permanent_address(request, event),
        "verdicts": verdicts,
        "failed": [verdict.check for verdict in verdicts if verdict.failures],
        "no_failure": _no_failure(verdicts),
        "fields": [(name, getattr(event, name)) for name in FIELDS if name != "payload"],
        "payload": read_payload(event),
        "erasure": erasure,
        "is_erased": claimed_erasure(event) is not None,
        "clocks": read_clocks(event, shown_threshold(using)),
        "previous": previous,
        "next": _next(event, around, outlook.standing.last_sequence),
        "key": _agent_key(using, event),
        "witness": _witness(using, event),
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


def _verdicts(using: str, report: Report, previous: Link | None, last: int) -> list[Verdict]:
    """The results of all checks, run now by the code of `verify_ledger`."""
    verdicts = {
        check: Verdict(
            check,
            MEANINGS[check],
            tuple(
                finding.detail
                for finding in report.findings
                if finding.check is check and finding.sequence == report.start
            ),
        )
        for check in Check
    }
    for known in report.erased:
        note = f"The payload was erased by ceremony, event {known.ceremony_sequence}."
        if not known.payload_matched:
            note += (
                " The ceremony records that it had been changed before: it did not match its hash."
            )
        hashed = verdicts[Check.PAYLOAD_HASH]
        verdicts[Check.PAYLOAD_HASH] = replace(hashed, made=False, note=note)
    if previous is not None and previous.sequence > 0 and previous.event is None:
        verdicts |= _orphaned(using, verdicts, previous.sequence, last)
    return list(verdicts.values())


def _orphaned(
    using: str, verdicts: dict[Check, Verdict], missing: int, last: int
) -> dict[Check, Verdict]:
    """The results of checks 1 and 5 when the event before is missing."""
    known = gap_at(PostgresEventStore(using), missing, last)
    gap, link = verdicts[Check.GAP], verdicts[Check.PREV_HASH]
    if known is not None and known.documented:
        note = f"The gap before this event is explained by event {known.ceremony_sequence}."
        gap = replace(gap, note=note)
    else:
        failure = f"sequence {missing}, just before it, is missing and no ceremony explains it"
        gap = replace(gap, failures=(*gap.failures, failure))
    note = "The event before is missing, so there is nothing to compare with."
    return {Check.GAP: gap, Check.PREV_HASH: replace(link, made=False, note=note)}


def _no_failure(verdicts: list[Verdict]) -> str:
    """The summary of checks of which none failed; some may not have been made."""
    if all(verdict.passed for verdict in verdicts):
        return "All checks passed"
    return "No check failed, but not all could be made"


def _agent_key(using: str, event: Event) -> AgentKeyRecord | None:
    keys = list_agent_keys(using)
    return next((key for key in keys if key.key_id == event.signing_key_id), None)


def _witness(using: str, event: Event) -> WitnessRecord | None:
    witnesses = list_witnesses(using)
    return next((each for each in witnesses if each.witness_id == event.witness_id), None)
