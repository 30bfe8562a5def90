"""Continuity of the ledger: every gap of a range, and the ceremony that explains it (FR7, CT-13).

`Completeness` is what each answered range says about gaps inside it and about the ledger up to it.
Gaps stay ranges and are never expanded into their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from events.store.ledger import Head, PostgresEventStore
from events.store.sequence import looked_since
from observers.replica.lag import Lag
from observers.replica.reading import lag_of
from observers.verification.explained_gaps import KnownGaps, Skips, find_gaps
from observers.verification.report import KnownGap
from observers.verification.strays import Stray, rows_below_one, rows_twice

LISTED = 1000
"""Gaps that an answer lists one by one; the totals count all of them."""


@dataclass
class Continuity:
    """The gaps of start … end. Documented gaps are explained; the others are incidents.

    `looked_since` is None when every number was counted for this answer. Otherwise part of the
    answer comes from the cache, and every number was last counted after that moment.
    """

    start: int
    end: int
    looked_since: datetime | None = None
    listed: list[KnownGap] = field(default_factory=list)
    gap_count: int = 0
    missing_count: int = 0
    undocumented_gaps: int = 0
    undocumented_missing: int = 0
    strays: list[Stray] = field(default_factory=list)
    """Rows that no number of the sequence is theirs alone, as far as `LISTED` has room."""
    stray_count: int = 0

    @property
    def is_continuous(self) -> bool:
        """No number is missing at all."""
        return self.gap_count == 0

    @property
    def is_explained(self) -> bool:
        """True when a ceremony documents everything that is missing."""
        return self.undocumented_gaps == 0

    @property
    def is_sound(self) -> bool:
        """Nothing is missing without explanation, and no row is outside the sequence."""
        return self.is_explained and self.stray_count == 0

    @property
    def known(self) -> KnownGaps:
        """The listed gaps, with the totals over all of them."""
        return KnownGaps(
            self.start, self.end, tuple(self.listed), self.gap_count, self.missing_count
        )

    def as_dict(self) -> dict[str, Any]:
        """Returns the members of the JSON answer."""
        return {
            "start": self.start,
            "end": self.end,
            "is_continuous": self.is_continuous,
            "is_explained": self.is_explained,
            "missing_count": self.missing_count,
            "gap_count": self.gap_count,
            "undocumented_gap_count": self.undocumented_gaps,
            "gaps": [known.as_dict() for known in self.listed],
            "stray_count": self.stray_count,
            "strays": [each.as_dict() for each in self.strays],
        }

    def add(self, known: KnownGap) -> None:
        """Count a gap, and list it while there is room."""
        self.gap_count += 1
        self.missing_count += known.gap.count
        if not known.documented:
            self.undocumented_gaps += 1
            self.undocumented_missing += known.gap.count
        if len(self.listed) < LISTED:
            self.listed.append(known)


def check_continuity(using: str, start: int = 1, end: int | None = None) -> Continuity:
    """Counts every number from `start` to `end` (default: the later of last event and head) and
    returns the gaps. Uses no cache."""
    store = PostgresEventStore(using)
    last = store.last_sequence()
    result = Continuity(start, last if end is None else min(end, last))
    skips = Skips(using)
    for number, report in enumerate(store.walk_gaps(result.start, result.end)):
        for known in skips.known(report):
            result.add(known)
        if number == 0:
            result.strays = rows_twice(report)[:LISTED]
            result.stray_count = report.surplus_count
    if start == 1:
        below = rows_below_one(using, limit=LISTED)
        result.strays = (below + result.strays)[:LISTED]
        result.stray_count += len(below)
    return result


def recall_continuity(using: str) -> Continuity:
    """Checks the whole ledger like `check_continuity`, but does not count again what the cache
    holds as complete."""
    store = PostgresEventStore(using)
    result = Continuity(1, store.last_sequence(), looked_since(using))
    skips = Skips(using)
    for report in store.walk_gaps(result.start, result.end, remembered=True):
        for known in skips.known(report):
            result.add(known)
    return result


MAX_GAPS = 1000
"""Gaps named in one answer."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The end of the ledger according to its head, and according to its last event."""

    head: Head
    last_event: int

    @property
    def last(self) -> int:
        """The larger of the two ends."""
        return max(self.head.max_sequence, self.last_event)

    @property
    def agree(self) -> bool:
        """True when the events end at the head. Both are committed together."""
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
    """True when the last event is the one the head names, by sequence and hash."""
    if not ends.agree:
        return False
    tail = store.get_event(ends.last_event) if ends.last_event else None
    return ends.last_event == 0 or (
        tail is not None and tail.content_hash == ends.head.content_hash
    )


@dataclass(frozen=True, slots=True)
class Completeness:
    """The known gaps in the answered range start … end, and in the ledger up to it.

    `lag` is set when a replica answered, whose head the ends are; None means the primary.
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
    """Counts every number of start … end; outside the range it relies on the cache."""
    report = find_gaps(store.using, start, end, limit=MAX_GAPS)
    return Completeness(ends, report, _complete_through(store, ends, report), lag_of(store.using))


def _complete_through(store: PostgresEventStore, ends: Ends, seen: KnownGaps) -> int:
    """Returns the last sequence up to which nothing is missing without explanation.

    Only numbers of the answered range are counted again; the periodic round of the cache finds what
    was removed elsewhere since.
    """
    head = ends.head.max_sequence
    remembered = find_gaps(store.using, 1, head, limit=MAX_GAPS, remembered=True)
    firsts = (_first_unexplained(store, report) for report in (seen, remembered))
    return min([head, *(first - 1 for first in firsts if first is not None)])


def _first_unexplained(store: PostgresEventStore, seen: KnownGaps) -> int | None:
    """Returns the start of the first undocumented gap, also when the report had no room to list
    it."""
    while True:
        for known in seen.gaps:
            if not known.documented:
                return known.gap.start
        if seen.gap_count == len(seen.gaps):
            return None
        rest = seen.gaps[-1].gap.end + 1
        seen = find_gaps(store.using, rest, seen.end, limit=MAX_GAPS, remembered=True)
