"""Records findings that began or ended in the ledger, and queues their alerts in the same
transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from events.append.services import writer
from events.format.canonical import canonicalize
from events.format.event import Event
from events.format.gaps import Gap
from events.store.connection import named_errors
from events.submission import Submission
from observers.heads.rollback import acknowledgement
from observers.verification.explained_gaps import find_gaps
from observers.watch.delivery import queue_alerts
from observers.watch.findings import CLOSED, OPENINGS, RESTORED, Changes, Found, Kind, Known


def record(using: str, change: Changes, alerted: set[str]) -> list[Event]:
    """Appends the events of the changes, all or none; `alerted` are findings whose alert was sent
    already.

    Raises:
        LedgerError: nothing was written: the ledger is halted, its head is wrong, no key is here.
    """
    submissions = [_opening(each) for each in change.begun]
    submissions += [_closing(using, each) for each in change.ended]
    if not submissions:
        return []
    # The events and their alerts are committed together: a crash leaves both or neither. That no
    # other watcher writes the same now is the watch's own lock, held around the look.
    with named_errors(), transaction.atomic(using=using, durable=True):
        events = writer().append_in_transaction(submissions)
        opened = list(zip(change.begun, events, strict=False))
        queue_alerts([describe(f, e) for f, e in opened if f.key not in alerted])
    return events


def describe(found: Found, event: Event | None) -> dict[str, Any]:
    """Describes a finding for an alert; without event, because the ledger could not record it."""
    return {
        "kind": found.kind.value,
        "place": found.place,
        "text": found.text,
        "event_type": OPENINGS[found.kind],
        "event_id": event.event_id if event else None,
        "sequence": event.sequence if event else None,
        "details": dict(found.payload),
    }


def _opening(found: Found) -> Submission:
    return _submission(OPENINGS[found.kind], {"finding": found.key, **found.payload})


def _closing(using: str, known: Known) -> Submission:
    payload = {"finding": known.key, "opened_by": known.sequence, "open_since": known.since}
    if known.kind is Kind.GUARDS:
        return _submission(RESTORED, payload)
    return _submission(CLOSED, payload | {"reason": _reason(using, known)})


def _reason(using: str, known: Known) -> str:
    if known.kind is Kind.ROLLBACK:
        return _reason_of_rollback(using, known)
    if known.kind is not Kind.GAP:
        return "it was looked at again and not found"
    start, end = known.key.removeprefix(f"{Kind.GAP} ").split("-")
    gap = Gap(int(start), int(end))
    found = find_gaps(using, gap.start, gap.end, limit=1)
    if found.is_continuous:
        return "the numbers are there again"
    ceremony = found.gaps[0].ceremony_sequence
    if ceremony is not None:
        return f"documented by event {ceremony}"
    return "it is another gap now"


def _reason_of_rollback(using: str, known: Known) -> str:
    sequence, beginning = known.key.removeprefix(f"{Kind.ROLLBACK} ").split("/")
    event = acknowledgement(using, f"{sequence} ({beginning}")
    return "the head is there again" if event is None else f"acknowledged by event {event}"


def _submission(event_type: str, payload: dict[str, Any]) -> Submission:
    return Submission(event_type, canonicalize(payload), agent_id=None)


def texts(found: Sequence[Found]) -> str:
    """Returns findings in one line, for the reason of a halt."""
    return "; ".join(each.text for each in found[:3])[:500]
