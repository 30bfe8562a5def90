"""Decides which gaps the ledger's ceremonies explain, for every observer: from the record of each
ceremony, and only when that record passes every check of an event.

The database counts what is missing and lists the records, but its own opinion is not used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from events.format.ceremony_record import SKIP
from events.format.gaps import Gap
from events.store.ledger import GapReport, PostgresEventStore
from events.store.sequence import neighbours
from observers.verification.ceremonies import skipped_numbers
from observers.verification.keyring import Keyring, keyring_from_registry
from observers.verification.report import KnownGap
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
    """The sound skip ceremonies of the database's ledger, read when the first gap is looked up."""

    def __init__(self, using: str, keys: Keyring | None = None) -> None:
        self.using = using
        self._keys = keys

    @cached_property
    def named(self) -> dict[Gap, int]:
        """Returns the ranges that sound ceremonies name, each with the sequence of the first that
        does."""
        keys = self._keys or keyring_from_registry(self.using)
        found: dict[Gap, int] = {}
        for record in sound_records(self.using, SKIP, keys):
            gap = skipped_numbers(record)
            if gap:
                found.setdefault(gap, record.sequence)
        return found

    def explaining(self, gap: Gap, start: int, end: int) -> int | None:
        """Returns the ceremony that documents a gap of start … end. A gap cut off by the range is
        explained by a ceremony that names the whole gap."""
        if not self.named:
            return None
        return self.named.get(_whole(self.using, gap, start, end))

    def known(self, report: GapReport) -> tuple[KnownGap, ...]:
        """Returns the gaps of a report, each with its explanation."""
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
    """Returns the gaps between `start` and `end` (default: the head), each with its explanation.

    Every number is counted, unless `remembered`: then only those not yet marked complete in
    `continuity_memory`.
    """
    report = PostgresEventStore(using).find_gaps(start, end, limit=limit, remembered=remembered)
    gaps = Skips(using).known(report)
    return KnownGaps(report.start, report.end, gaps, report.gap_count, report.missing_count)


def _whole(using: str, gap: Gap, start: int, end: int) -> Gap:
    """Returns the whole of a gap that start … end may cut off."""
    if start < gap.start and gap.end < end:
        return gap
    below, above = neighbours(using, gap.start - 1, gap.end + 1)
    first = gap.start if start < gap.start else (below or 0) + 1
    last = gap.end if gap.end < end or above is None else above - 1
    return Gap(min(first, gap.start), max(last, gap.end))
