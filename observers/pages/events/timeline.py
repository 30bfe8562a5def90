"""Reads one page of the sequence: events, with the gaps between them in their place.

Invariant: no gap is left out that lies in the stretch of the sequence a page covers and can have
been lost in the asked time. The pages of a listing lie edge to edge, so going through them all
meets every such event and gap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from events.errors import TimestampError
from events.format.event import Event
from events.store.ledger import EventFilter, PostgresEventStore
from events.store.search import search
from events.store.sequence import first_sequence_at, neighbours
from observers.continuity import Continuity
from observers.pages.gaps.listing import WIDE, gaps_in_scan, gaps_touching
from observers.verification.report import KnownGap

LISTED_GAPS = 100
SEARCH = 1.0
"""Seconds after which the search for a page's events stops."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place where a page begins: `after` and `before` are sequence numbers, both excluded."""

    newest_first: bool
    limit: int
    after: int | None = None
    before: int | None = None

    @property
    def reads_down(self) -> bool:
        """True when the page ends below `before`; False when it starts above `after`."""
        if self.after is None and self.before is None:
            return self.newest_first
        return self.after is None or (self.before is not None and self.newest_first)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the listing: an event or a gap."""

    event: Event | None = None
    gap: KnownGap | None = None

    @property
    def place(self) -> int:
        """The sequence number by which lines are sorted."""
        if self.event:
            return self.event.sequence
        return self.gap.gap.start if self.gap else 0

    @property
    def missing(self) -> str:
        """The number of missing numbers in words; "" for an event."""
        if self.gap is None:
            return ""
        count = self.gap.gap.count
        return "1 number is missing" if count == 1 else f"{count:,} numbers are missing"

    @property
    def drift_seconds(self) -> object:
        """Absolute seconds between the two clocks; None when a timestamp cannot be read."""
        try:
            return self.event.drift.seconds if self.event else None
        except TimestampError:
            return None

    @property
    def direction(self) -> str:
        """`ahead`, `behind` or `none`; "" when a timestamp cannot be read."""
        try:
            return self.event.drift.direction if self.event else ""
        except TimestampError:
            return ""


@dataclass(frozen=True, slots=True)
class Page:
    """The lines of the range `low` … `high`, in the order asked for.

    Gaps were searched for in `begins` … `ends`, the part that lies in the chosen time; an empty
    range when `ends` is below `begins`. `stopped` means that the search ran out of time before
    the page was full.
    """

    lines: tuple[Line, ...]
    low: int
    high: int
    begins: int
    ends: int
    has_lower: bool
    has_higher: bool
    unlisted_gaps: int
    stopped: bool

    @property
    def event_count(self) -> int:
        return sum(1 for line in self.lines if line.event)

    @property
    def gap_count(self) -> int:
        return len(self.lines) - self.event_count


def read_page(
    store: PostgresEventStore,
    chosen: EventFilter,
    cursor: Cursor,
    last_sequence: int,
    scanned: Continuity,
) -> Page:
    """Reads the page at `cursor` of the events that pass the filter, with the gaps of its range."""
    # Clamped to the end of the ledger: larger numbers would overflow bigint.
    low = min(max(chosen.start or 1, (cursor.after or 0) + 1, 1), last_sequence + 1)
    high = min(chosen.end or last_sequence, (cursor.before or last_sequence + 1) - 1, last_sequence)
    found = search(
        store,
        replace(chosen, start=low, end=high),
        limit=cursor.limit + 1,
        seconds=SEARCH,
        newest_first=cursor.reads_down,
    )
    full, events = len(found.events) > cursor.limit, found.events[: cursor.limit]
    more = full or found.stopped
    if more:
        edge = events[-1].sequence if full else found.reached
        low, high = (edge, high) if cursor.reads_down else (low, edge)
    first, last = max(chosen.start or 1, 1), min(chosen.end or last_sequence, last_sequence)
    begins, ends = stretch_of_time(store.using, chosen, last_sequence)
    if events:
        # If the authority clock ran backwards, bisection finds only one of several places.
        begins = min(begins, events[0].sequence, events[-1].sequence)
        ends = max(ends, events[0].sequence, events[-1].sequence)
    begins, ends = max(begins, low), min(ends, high)
    if ends - begins > WIDE and scanned.gap_count == len(scanned.listed):
        report = gaps_in_scan(
            store.using, begins, ends, last_sequence, scanned.known, limit=LISTED_GAPS
        )
    else:
        report = gaps_touching(store.using, begins, ends, last_sequence, limit=LISTED_GAPS)
    lines = [Line(event=event) for event in events] + [Line(gap=gap) for gap in report.gaps]
    lines.sort(key=lambda line: line.place, reverse=cursor.newest_first)
    return Page(
        lines=tuple(lines),
        low=low,
        high=high,
        begins=begins,
        ends=ends,
        has_lower=(more and cursor.reads_down) or low > first,
        has_higher=(more and not cursor.reads_down) or high < last,
        unlisted_gaps=report.gap_count - len(report.gaps),
        stopped=found.stopped,
    )


def stretch_of_time(using: str, chosen: EventFilter, last_sequence: int) -> tuple[int, int]:
    """The range of sequence numbers that were assigned in the chosen authority time.

    A missing number was assigned between the times of the events before and after it, so a gap
    that crosses either limit belongs to the range.
    """
    begins, ends = 1, last_sequence
    if chosen.authority_from:
        first = first_sequence_at(using, chosen.authority_from, last_sequence) or last_sequence + 1
        below, _ = neighbours(using, first - 1, first - 1)
        begins = (below or 0) + 1
    if chosen.authority_to:
        ends = (
            first_sequence_at(using, chosen.authority_to, last_sequence) or last_sequence + 1
        ) - 1
    return begins, ends


def gap_at(store: PostgresEventStore, sequence: int, last_sequence: int) -> KnownGap | None:
    """The gap that contains a missing sequence number; None outside the ledger."""
    if not 1 <= sequence <= last_sequence:
        return None
    report = gaps_touching(store.using, sequence, sequence, last_sequence, limit=1)
    return report.gaps[0] if report.gaps else None
