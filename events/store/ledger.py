"""Reads the ledger: ranges, single events, the head, gaps. Holds at most one page of events."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Protocol

from django.db import transaction

from events.errors import LedgerError
from events.format.event import FIELDS, GENESIS_HASH, Event
from events.format.gaps import Gap
from events.store.connection import fetch_all, fetch_one

PAGE = 1000
"""Events fetched per query when a range is iterated."""

GAP_PAGE = 50_000
"""Gaps fetched per query: each page counts the rest of the range again."""


class EventStoreProtocol(Protocol):
    """A source of events: the database, or an export file."""

    def get_max_sequence(self) -> int:
        """The highest sequence, 0 when there is none."""

    def get_events_by_sequence_range(self, start: int, end: int) -> Iterator[Event]:
        """The events from `start` to `end`, both included, in sequence order."""

    def verify_sequence_continuity(
        self, start: int = 1, end: int | None = None
    ) -> tuple[bool, tuple[range, ...]]:
        """`(is_continuous, missing_sequences)`, the missing ones as ranges."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of `appends`: the authoritative end of the ledger."""

    max_sequence: int
    content_hash: str
    authority_timestamp: str | None
    event_count: int


EMPTY = Head(0, GENESIS_HASH, None, 0)


@dataclass(frozen=True, slots=True)
class GapReport:
    """The first `limit` gaps of a range, documented or not, and the totals over all of them.
    `repeated`: numbers that more than one event has, as far as `limit` leaves room for them;
    `surplus_count`: the number of surplus rows in total."""

    start: int
    end: int
    gaps: tuple[Gap, ...]
    gap_count: int
    missing_count: int
    repeated: tuple[int, ...] = ()
    surplus_count: int = 0

    @property
    def is_continuous(self) -> bool:
        """True if no number is missing, documented or not."""
        return self.gap_count == 0


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Filter of events; None leaves a side open. Times are half-open.

    `system`: only the events that no agent sent, or only the others. `payload_path` leads from the
    payload's root to a value, which must equal `payload_value`, a JSON text; they are given
    together. Numbers are compared by value. `payload_text` is an alternative value that also
    matches.
    """

    start: int | None = None
    end: int | None = None
    event_types: Sequence[str] | None = None
    agent_id: str | None = None
    system: bool | None = None
    local_from: datetime | None = None
    local_to: datetime | None = None
    authority_from: datetime | None = None
    authority_to: datetime | None = None
    drifted: bool | None = None
    payload_path: Sequence[str] | None = None
    payload_value: str | None = None
    payload_text: str | None = None

    @property
    def narrows(self) -> bool:
        """True if the filter restricts more than the range."""
        return any(
            getattr(self, each.name) is not None
            for each in fields(self)
            if each.name not in ("start", "end")
        )


@dataclass(frozen=True, slots=True)
class Halt:
    """The halt state and its reason (CT-11)."""

    halted: bool
    reason: str | None
    halted_at: str | None
    halted_by: str | None = None


class HaltStateMissingError(LedgerError):
    """CT-11: the row of the halt state is missing."""


class PostgresEventStore:
    """The ledger in PostgreSQL, through the Django connection `using`."""

    def __init__(self, using: str = "default") -> None:
        self.using = using

    def get_max_sequence(self) -> int:
        """The highest sequence in `events`, 0 when it is empty."""
        return int(fetch_one(self.using, "ledger.max_sequence")[0])

    def head(self) -> Head:
        """The end of the ledger, by the last append."""
        row = fetch_one(self.using, "ledger.head")
        return Head(*row) if row else EMPTY

    def halt(self) -> Halt:
        """The halt state.

        Raises:
            HaltStateMissingError: its row is missing.
        """
        row = fetch_one(self.using, "ledger.halt_state")
        if row is None:
            raise HaltStateMissingError("CT-11: the halt state is missing")
        return Halt(*row)

    def get_events_by_sequence_range(self, start: int, end: int) -> Iterator[Event]:
        """The events from `start` to `end`, both included, in sequence order, page by page."""
        while start <= end:
            page = self.select(EventFilter(start=start, end=end), limit=PAGE)
            yield from page
            if len(page) < PAGE:
                return
            start = page[-1].sequence + 1

    def select(self, chosen: EventFilter, *, limit: int, newest_first: bool = False) -> list[Event]:
        """At most `limit` events that pass the filter, in sequence order."""
        if chosen.start is not None and chosen.end is not None and not chosen.narrows:
            query = "ledger.range_descending" if newest_first else "ledger.range_ascending"
            bounds = {"start": chosen.start, "end": chosen.end, "limit": limit}
            return _events(fetch_all(self.using, query, bounds))
        query = "ledger.events_descending" if newest_first else "ledger.events_ascending"
        return _events(fetch_all(self.using, query, {**asdict(chosen), "limit": limit}))

    def select_warned(
        self, chosen: EventFilter, *, limit: int, newest_first: bool = False
    ) -> list[Event]:
        """As `select` with `drifted` true, but starting from the warnings: fast where few events
        pass."""
        query = "ledger.drifted_descending" if newest_first else "ledger.drifted_ascending"
        return _events(fetch_all(self.using, query, {**asdict(chosen), "limit": limit}))

    def get_event(self, sequence: int) -> Event | None:
        """The event of a sequence number, or None."""
        found = self.select(EventFilter(start=sequence, end=sequence), limit=1)
        return found[0] if found else None

    def system_events(self, event_type: str) -> Iterator[Event]:
        """The system's own events of a type, in order. Reads only the events table."""
        after = 0
        while True:
            values = {"event_type": event_type, "after": after, "limit": PAGE}
            page = _events(fetch_all(self.using, "ledger.events_of_type", values))
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].sequence

    def get_events_by_id(self, event_ids: Sequence[str]) -> dict[str, Event]:
        """The stored events among `event_ids`, by id. A row that is not the only one of its
        sequence is ignored: the index of ids may lead to a row that no other index does."""
        # As one text: psycopg quotes each element of an array separately, which is slower.
        rows = fetch_all(
            self.using, "ledger.events_by_id", {"event_ids": f"{{{','.join(event_ids)}}}"}
        )
        found = {event.event_id: event for event in _events(rows)}
        ids: dict[int, list[str]] = {}
        if found:
            numbers = {"sequences": [event.sequence for event in found.values()]}
            for sequence, event_id in fetch_all(self.using, "ledger.ids_at", numbers):
                ids.setdefault(sequence, []).append(event_id)
        return {
            event_id: event
            for event_id, event in found.items()
            if ids.get(event.sequence) == [event_id]
        }

    def find_gaps(
        self, start: int = 1, end: int | None = None, *, limit: int = 1000, remembered: bool = False
    ) -> GapReport:
        """The gaps between `start` and `end`; without `end`, up to the head.

        Every number is counted. With `remembered`, only those are that `continuity_memory` does not
        hold as present.
        """
        end = self.last_sequence() if end is None else end
        if end < start:
            return GapReport(start, end, (), 0, 0)
        query = "ledger.gaps_remembered" if remembered else "ledger.gaps"
        with transaction.atomic(using=self.using):
            fetch_one(self.using, "ledger.no_jit")
            values = {"start": start, "end": end, "limit": limit, "seed": secrets.randbits(62)}
            rows = fetch_all(self.using, query, values)
        gaps = tuple(Gap(first, last) for first, last, *_ in rows if first <= last)
        repeated = tuple(first - 1 for first, last, *_ in rows if first > last)
        count, missing, surplus = map(int, (v or 0 for v in rows[0][2:])) if rows else (0, 0, 0)
        return GapReport(start, end, gaps, count, missing, repeated, surplus)

    def verify_sequence_continuity(
        self, start: int = 1, end: int | None = None
    ) -> tuple[bool, tuple[range, ...]]:
        """`(is_continuous, missing_sequences)`; a gap is one `range`, whatever its length.

        Documented gaps are listed too.
        """
        last = self.last_sequence() if end is None else end
        missing = tuple(
            gap.as_range() for report in self.walk_gaps(start, last) for gap in report.gaps
        )
        return not missing, missing

    def walk_gaps(self, start: int, end: int, *, remembered: bool = False) -> Iterator[GapReport]:
        """Every gap between `start` and `end`, lowest first, in pages. The totals of the first page
        are those of all."""
        while start <= end:
            report = self.find_gaps(start, end, limit=GAP_PAGE, remembered=remembered)
            yield report
            if report.gap_count == len(report.gaps):
                return
            start = report.gaps[-1].end + 1

    def is_unused(self) -> bool:
        """True if no agent has written yet: there is nothing but the ledger's own events."""
        return not self.select(EventFilter(system=False), limit=1)

    def last_sequence(self) -> int:
        """The end of the ledger by the events or by the head, whichever is higher."""
        return max(self.get_max_sequence(), self.head().max_sequence)


def _events(rows: list[Any]) -> list[Event]:
    """Build events from rows in the order of the table.

    Bypasses the frozen dataclass's `__init__`, which sets seventeen attributes one by one and would
    cost more than fetching the page.
    """
    events = []
    for row in rows:
        event = object.__new__(Event)
        event.__dict__.update(zip(FIELDS, row, strict=True))
        events.append(event)
    return events
