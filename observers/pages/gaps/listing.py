"""Lists the gaps of a range of the sequence without reading the whole ledger for each page.

Invariant: a listing that leaves out gaps of its range has `whole` set to False.
"""

from __future__ import annotations

from dataclasses import dataclass

from events.format.gaps import Gap
from events.store.sequence import neighbours
from observers.continuity import Continuity
from observers.pages.cache import cached_in_proportion
from observers.verification.explained_gaps import KnownGaps, find_gaps
from observers.verification.report import KnownGap

MOST = 20_000
"""Maximum number of gaps listed for one range; a narrower range lists the others."""

WIDE = 100_000
"""Ranges narrower than this are queried for each page; wider ones use the cached scan of the whole
ledger. A rare filter of events can make one page as wide as the ledger."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The gaps that touch `start` … `end`, each at its full length, lowest first.

    `whole` is False when there are more of them than `MOST`.
    """

    start: int
    end: int
    gaps: tuple[KnownGap, ...]
    whole: bool

    @property
    def missing(self) -> int:
        """Missing numbers in the listed gaps."""
        return sum(known.gap.count for known in self.gaps)

    @property
    def unexplained(self) -> int:
        """Number of listed gaps that no ceremony explains."""
        return sum(1 for known in self.gaps if not known.documented)


def list_gaps(using: str, start: int, end: int, last: int, scanned: Continuity) -> Listing:
    """Lists the gaps touching `start` … `end` of a ledger that ends at `last`."""
    if end - start < WIDE:
        report = gaps_touching(using, start, end, last, limit=MOST)
    else:
        report = gaps_in_scan(using, start, end, last, _scanned(using, scanned), limit=MOST)
    return Listing(start, end, report.gaps, report.gap_count == len(report.gaps))


def cut_to(known: KnownGap, start: int, end: int) -> Gap:
    """The part of a gap that lies inside `start` … `end`."""
    return Gap(max(known.gap.start, start), min(known.gap.end, end))


def gaps_touching(using: str, low: int, high: int, last: int, *, limit: int) -> KnownGaps:
    """Queries the gaps that touch `low` … `high` of a ledger that ends at `last`.

    Each has its full length: a truncated gap would show a wrong count, and no ceremony would
    match it.
    """
    if high < low:
        return KnownGaps(low, high, (), 0, 0)
    below, above = neighbours(using, low, high)
    start = low if below == low else (below or 0) + 1
    end = high if above == high else (above or last + 1) - 1
    return find_gaps(using, start, end, limit=limit)


def gaps_in_scan(
    using: str, low: int, high: int, last: int, scan: KnownGaps, *, limit: int
) -> KnownGaps:
    """The same from a scan of the whole ledger, plus a query for later appends."""
    since = gaps_touching(using, max(low, scan.end + 1), high, last, limit=limit)
    known = [each for each in scan.gaps if low <= each.gap.end and each.gap.start <= high]
    if since.gaps:  # the first may contain the last of the scan
        known = [each for each in known if each.gap.end < since.gaps[0].gap.start]
    touching = (*known, *since.gaps)
    unlisted = scan.gap_count - len(scan.gaps) + since.gap_count - len(since.gaps)
    missing = sum(each.gap.count for each in touching)
    return KnownGaps(low, high, touching[:limit], len(touching) + unlisted, missing)


def _scanned(using: str, scanned: Continuity) -> KnownGaps:
    """The gaps of the whole ledger, up to `MOST`."""
    if scanned.gap_count == len(scanned.listed):
        return scanned.known
    return cached_in_proportion("gap-listing", using, lambda: find_gaps(using, limit=MOST)).answer
