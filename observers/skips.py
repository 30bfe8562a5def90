"""Which gaps the ledger's ceremonies explain: decided here for every observer, from the record of
each ceremony itself, and only when that record passes every check of an event.

The database counts what is missing and lists the records; which of them explains what, it is not
asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from events.ceremony_record import SKIP
from events.continuity import Gap
from events.event import GENESIS_HASH, Event
from events.store.heads import Kept, hashes_at
from events.store.ledger import EventFilter, GapReport, PostgresEventStore
from events.store.neighbours import neighbours
from observers.checks import check_event
from observers.keyring import Keyring, TrustedKey, keyring_from_registry
from observers.report import KnownGap
from observers.walk import explained_gap

PAGE = 1_000
"""Records of skips read at a time."""

CHECKED = 4_096
"""Records whose verdict is kept, by their content and that of the keys they need."""


@dataclass(frozen=True, slots=True)
class KnownGaps:
    """The first gaps of a range with what explains each, and the totals over all of them."""

    start: int
    end: int
    gaps: tuple[KnownGap, ...]
    gap_count: int
    missing_count: int

    @property
    def is_continuous(self) -> bool:
        """No number is missing, documented or not."""
        return self.gap_count == 0


class Skips:
    """The sound ceremonies of the database's ledger that skip numbers. They are read when the
    first gap is asked about."""

    def __init__(self, using: str, keys: Keyring | None = None) -> None:
        self.using = using
        self._keys = keys

    @cached_property
    def named(self) -> dict[Gap, int]:
        """What sound ceremonies name, each with the sequence of the first that does."""
        keys = self._keys or keyring_from_registry(self.using)
        records = [each for each in self._records() if explained_gap(each)]
        places = {place for each in records for place in (each.sequence - 1, each.sequence)}
        kept = hashes_at(self.using, places) if records else {}
        head = PostgresEventStore(self.using).head().max_sequence if records else 0
        found: dict[Gap, int] = {}
        for each in records:
            gap = explained_gap(each)
            if gap and 0 < each.sequence <= head and _stands(each, kept) and passes(each, keys):
                found.setdefault(gap, each.sequence)
        return found

    def explaining(self, gap: Gap, start: int, end: int) -> int | None:
        """The ceremony that documents a gap of start … end. One that the range cuts off is
        explained by what names the whole of it."""
        if not self.named:
            return None
        return self.named.get(_whole(self.using, gap, start, end))

    def known(self, report: GapReport) -> tuple[KnownGap, ...]:
        """The gaps of a report, with what explains each."""
        return tuple(
            KnownGap(gap, self.explaining(gap, report.start, report.end)) for gap in report.gaps
        )

    def _records(self) -> Iterator[Event]:
        store, start = PostgresEventStore(self.using), 1
        while True:
            page = store.select(
                EventFilter(start=start, event_types=[SKIP], system=True), limit=PAGE
            )
            yield from page
            if len(page) < PAGE:
                return
            start = page[-1].sequence + 1


def find_gaps(
    using: str,
    start: int = 1,
    end: int | None = None,
    *,
    limit: int = 1000,
    remembered: bool = False,
) -> KnownGaps:
    """The gaps between `start` and `end`, up to the head without `end`, and what explains each.

    Every number is counted, unless `remembered`: then only those that `continuity_memory` does not
    hold as seen.
    """
    report = PostgresEventStore(using).find_gaps(start, end, limit=limit, remembered=remembered)
    gaps = Skips(using).known(report)
    return KnownGaps(report.start, report.end, gaps, report.gap_count, report.missing_count)


def passes(record: Event, keys: Keyring) -> bool:
    """Whether the record of a ceremony passes every check that an event shows by itself. The
    verdict is kept by content: the same bytes and the same keys give the same answer."""
    return _passes(
        record,
        keys.agents.get(record.signing_key_id),
        keys.witnesses.get(record.witness_id),
        tuple(sorted(keys.people.items(), key=lambda each: each[0])),
    )


@lru_cache(maxsize=CHECKED)
def _passes(
    record: Event,
    key: TrustedKey | None,
    witness: TrustedKey | None,
    people: tuple[tuple[str, TrustedKey], ...],
) -> bool:
    agents = {record.signing_key_id: key} if key else {}
    witnesses = {record.witness_id: witness} if witness else {}
    return not any(check_event(record, Keyring(agents, witnesses, dict(people))))


def _stands(record: Event, kept: dict[int, Kept]) -> bool:
    """Checks 5 and 10 of a record, as far as they apply: its link, where the event before is
    there, and its append, where it was the last of one."""
    here, before = kept[record.sequence], kept[record.sequence - 1].event_hash
    linked = GENESIS_HASH if record.sequence == 1 else before
    return (
        here.event_hash == record.content_hash
        and here.append_hash in (None, record.content_hash)
        and linked in (None, record.prev_hash)
    )


def _whole(using: str, gap: Gap, start: int, end: int) -> Gap:
    """All of a gap that start … end may cut off."""
    if start < gap.start and gap.end < end:
        return gap
    below, above = neighbours(using, gap.start - 1, gap.end + 1)
    first = gap.start if start < gap.start else (below or 0) + 1
    last = gap.end if gap.end < end or above is None else above - 1
    return Gap(min(first, gap.start), max(last, gap.end))
