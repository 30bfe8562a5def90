"""Counts over time as bars. It must never draw a bar that is not there, nor hide one that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WIDTH, HEIGHT = 720, 120
LOWEST = 2
"""Units that the smallest count but none is tall, so that one event among a million shows."""
GAP = 0.15
"""Of a bar's place, left empty."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time, half-open, its count, and its rectangle. `slot` is the whole place."""

    begins: datetime
    ends: datetime
    count: int
    x: float
    y: float
    width: float
    height: float
    slot_x: float
    slot_width: float


@dataclass(frozen=True, slots=True)
class Bars:
    """A row of bars in a picture of `WIDTH` by `HEIGHT`."""

    bars: tuple[Bar, ...]
    step: timedelta

    @property
    def total(self) -> int:
        return sum(bar.count for bar in self.bars)

    @property
    def highest(self) -> int:
        return max((bar.count for bar in self.bars), default=0)

    @property
    def begins(self) -> datetime:
        return self.bars[0].begins

    @property
    def ends(self) -> datetime:
        return self.bars[-1].ends

    @property
    def busy(self) -> list[Bar]:
        """The bars with anything in them, newest first: what a table has to list."""
        return [bar for bar in reversed(self.bars) if bar.count]


def draw_bars(moments: Sequence[datetime], counts: Sequence[int]) -> Bars:
    """Bars between `moments`, one fewer than there are of those."""
    highest = max(counts, default=0)
    slot = WIDTH / len(counts)
    bars = []
    for number, count in enumerate(counts):
        height = max(count / highest * HEIGHT, LOWEST) if count else 0
        bars.append(
            Bar(
                moments[number],
                moments[number + 1],
                count,
                x=round((number + GAP / 2) * slot, 2),
                y=round(HEIGHT - height, 2),
                width=round(slot * (1 - GAP), 2),
                height=round(height, 2),
                slot_x=round(number * slot, 2),
                slot_width=round(slot, 2),
            )
        )
    return Bars(tuple(bars), moments[1] - moments[0])
