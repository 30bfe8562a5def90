"""Which gaps the ledger's ceremonies explain: decided here for every observer, from the record of
each ceremony itself, and only when that record passes every check of an event.

The database counts what is missing and lists the records; which of them explains what, it is not
asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from events.format.ceremony_record import SKIP
from events.format.gaps import Gap
from events.store.ledger import GapReport, PostgresEventStore
from events.store.sequence import neighbours
from observers.verification.keyring import Keyring, keyring_from_registry
from observers.verification.report import KnownGap
from observers.verification.scan import explained_gap
from observers.verification.sound_ceremonies import sound_records


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
        found: dict[Gap, int] = {}
        for record in sound_records(self.using, SKIP, keys):
            gap = explained_gap(record)
            if gap:
                found.setdefault(gap, record.sequence)
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


def _whole(using: str, gap: Gap, start: int, end: int) -> Gap:
    """All of a gap that start … end may cut off."""
    if start < gap.start and gap.end < end:
        return gap
    below, above = neighbours(using, gap.start - 1, gap.end + 1)
    first = gap.start if start < gap.start else (below or 0) + 1
    last = gap.end if gap.end < end or above is None else above - 1
    return Gap(min(first, gap.start), max(last, gap.end))
