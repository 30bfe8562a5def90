"""Verification of a range of any source of events: an export file, or the database.

It must never repair anything, and never trust what it can recompute.
"""

from __future__ import annotations

from events.event import Event
from events.store.ledger import EventStoreProtocol
from observers.erasures import erasures_in
from observers.keyring import Keyring
from observers.parts import Part, before_the_first, conclude, neighbour
from observers.report import Report
from observers.walk import Progress, Walk, valid_time


def verify(
    source: EventStoreProtocol,
    keys: Keyring,
    start: int,
    end: int,
    *,
    progress: Progress | None = None,
    signatures: bool = True,
) -> Report:
    """Verify the events from `start` to `end`, both included; a gap is explained only by the
    range's own ceremonies. `progress` is called with each sequence number reached.

    Check 10 (the head) needs what only the database has; `observers.ledger_check` adds it.
    """
    before = before_the_first() if start == 1 else None
    walk = Walk(start, end, keys, signatures=signatures)
    for subject in source.get_events_by_sequence_range(max(start - 1, 1), end):
        if subject.sequence < start:
            before = beside(subject)
            continue
        walk.take(subject)
        if progress is not None:
            progress(subject.sequence)
    return conclude(walk.finish(), before, erased_by=erasures_in(source, keys))


def beside(subject: Event) -> Part:
    """The event before a range, which only its successor is checked against."""
    return neighbour(subject.sequence, subject.content_hash, valid_time(subject))
