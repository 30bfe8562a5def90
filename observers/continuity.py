"""Continuity of the ledger: every gap of a range, and what explains each (FR7, CT-13).

It must never fill a gap, and never expand one into its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from events.store.ledger import PostgresEventStore
from events.store.memory import looked_since
from observers.report import KnownGap
from observers.skips import Skips
from observers.strays import Stray, rows_below_one, rows_twice

LISTED = 1000
"""Gaps that an answer lists one by one; the totals count all of them."""


@dataclass
class Continuity:
    """The gaps of start … end. Documented gaps are explained; the others are incidents.

    `looked_since`: None when every number was counted for this answer. Otherwise part of it was
    remembered, and every number was last looked at after that moment.
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
        """What is missing, if anything, a ceremony documents."""
        return self.undocumented_gaps == 0

    @property
    def is_sound(self) -> bool:
        """Nothing is missing without explanation, and no row is outside the sequence."""
        return self.is_explained and self.stray_count == 0

    def as_dict(self) -> dict[str, Any]:
        """The members of an answer of `GET /api/v1/continuity`."""
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
    """Every gap between `start` and `end`; without `end`, as far as the events or the head go.

    Every number is counted: nothing that was seen before is believed.
    """
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
    """As `check_continuity` of the whole ledger, but what was seen whole is not counted again."""
    store = PostgresEventStore(using)
    result = Continuity(1, store.last_sequence(), looked_since(using))
    skips = Skips(using)
    for report in store.walk_gaps(result.start, result.end, remembered=True):
        for known in skips.known(report):
            result.add(known)
    return result
