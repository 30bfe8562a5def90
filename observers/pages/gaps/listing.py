"""Lists the gaps of a range of the sequence without reading the whole ledger for each page.

Invariant: a listing that leaves out gaps of its range has `whole` set to False.
"""

from __future__ import annotations

from dataclasses import dataclass

from events.format.gaps import Gap
from events.store.sequence import neighbours
from observers.continuity import Continuity
from observers.pages.cache import cached_in_proportion
from observers.verification.explained_gaps import find_gaps
from observers.verification.report import KnownGap

MOST = 20_000
"""Maximum number of gaps listed for one range; a narrower range lists the others."""

WIDE = 100_000
"""Ranges narrower than this are queried for each page; wider ones use the cached scan."""


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
    """Lists the gaps touching `start` … `end` of a ledger that ends at `last`.

    A wide range combines the cached scan of the whole ledger with a query for later appends.
    """
    if end - start < WIDE:
        gaps, whole = _look(using, start, end, last)
        return Listing(start, end, gaps, whole)
    known, whole, until = _scanned(using, scanned)
    touching = [each for each in known if each.gap.end >= start and each.gap.start <= end]
    if end > until:
        since, all_since = _look(using, max(start, until + 1), end, last)
        touching = [each for each in touching if not since or each.gap.end < since[0].gap.start]
        touching += since
        whole = whole and all_since
    return Listing(start, end, tuple(touching), whole)


def cut_to(known: KnownGap, start: int, end: int) -> Gap:
    """The part of a gap that lies inside `start` … `end`."""
    return Gap(max(known.gap.start, start), min(known.gap.end, end))


def _scanned(using: str, scanned: Continuity) -> tuple[tuple[KnownGap, ...], bool, int]:
    """The gaps of the whole ledger, whether the list is complete, and where the scan ended."""
    if scanned.gap_count == len(scanned.listed):
        return tuple(scanned.listed), True, scanned.end
    report = cached_in_proportion("gap-listing", using, lambda: find_gaps(using, limit=MOST)).answer
    return report.gaps, report.gap_count == len(report.gaps), report.end


def _look(using: str, start: int, end: int, last: int) -> tuple[tuple[KnownGap, ...], bool]:
    """Queries the gaps at their full length: a truncated gap would show a wrong count."""
    if end < start:
        return (), True
    below, above = neighbours(using, start, end)
    first = start if below == start else (below or 0) + 1
    final = end if above == end else (above or last + 1) - 1
    report = find_gaps(using, first, final, limit=MOST)
    return report.gaps, report.gap_count == len(report.gaps)
