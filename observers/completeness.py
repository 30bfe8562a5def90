"""What an answered range leaves out: the gaps inside it, and how far the ledger is whole.

It must never call a range whole that was not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from events.store.ledger import Head, PostgresEventStore
from observers.replica.lag import Lag
from observers.replica.reading import lag_of
from observers.skips import KnownGaps, find_gaps

MAX_GAPS = 1000
"""Gaps named in one answer."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Where the ledger ends: by its head, and by the last event that is there."""

    head: Head
    last_event: int

    @property
    def last(self) -> int:
        """The last sequence that there is anything to say about."""
        return max(self.head.max_sequence, self.last_event)

    @property
    def agree(self) -> bool:
        """Whether the events end at the head. Events and head are committed together."""
        return self.head.max_sequence == self.last_event


def find_ends(store: PostgresEventStore) -> Ends:
    """Read the two ends so that an append in between cannot make them differ.

    The tail is read before the head: an event beyond the head was never appended. When the tail
    is below the head, an append may have come in between, so the tail is read again: then every
    event up to that head must be there.
    """
    last_event = store.get_max_sequence()
    head = store.head()
    if last_event < head.max_sequence:
        last_event = min(store.get_max_sequence(), head.max_sequence)
    return Ends(head, last_event)


def tail_is_head(store: PostgresEventStore, ends: Ends) -> bool:
    """Whether the last event is the one that the head names, by place and by hash."""
    if not ends.agree:
        return False
    tail = store.get_event(ends.last_event) if ends.last_event else None
    return ends.last_event == 0 or (
        tail is not None and tail.content_hash == ends.head.content_hash
    )


@dataclass(frozen=True, slots=True)
class Completeness:
    """What is known of the answered range start … end, and of the ledger up to it.

    `lag`: the answer is a replica's, whose head the ends are; None when it is the primary's.
    """

    ends: Ends
    report: KnownGaps
    complete_through: int
    lag: Lag | None

    def as_dict(self) -> dict[str, Any]:
        """As the member `completeness` of an answer."""
        return {
            "head_sequence": self.ends.head.max_sequence,
            "complete_through": self.complete_through,
            "start": self.report.start,
            "end": self.report.end,
            "gaps": [known.as_dict() for known in self.report.gaps],
            "gaps_truncated": self.report.gap_count > len(self.report.gaps),
            "replica": self.lag.as_dict() if self.lag else None,
        }


def look(store: PostgresEventStore, ends: Ends, *, start: int, end: int) -> Completeness:
    """Look at every number of start … end; outside it, rely on what is remembered."""
    report = find_gaps(store.using, start, end, limit=MAX_GAPS)
    return Completeness(ends, report, _complete_through(store, ends, report), lag_of(store.using))


def _complete_through(store: PostgresEventStore, ends: Ends, seen: KnownGaps) -> int:
    """The last sequence up to which nothing is missing without explanation.

    Numbers that were seen are not counted again, but for those of the answered range: a round
    over all of them finds what was removed since.
    """
    head = ends.head.max_sequence
    remembered = find_gaps(store.using, 1, head, limit=MAX_GAPS, remembered=True)
    firsts = (_first_unexplained(store, report) for report in (seen, remembered))
    return min([head, *(first - 1 for first in firsts if first is not None)])


def _first_unexplained(store: PostgresEventStore, seen: KnownGaps) -> int | None:
    """Where the first undocumented gap of a report starts, also behind those it has no room for."""
    while True:
        for known in seen.gaps:
            if not known.documented:
                return known.gap.start
        if seen.gap_count == len(seen.gaps):
            return None
        rest = seen.gaps[-1].gap.end + 1
        seen = find_gaps(store.using, rest, seen.end, limit=MAX_GAPS, remembered=True)
