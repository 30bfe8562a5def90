"""Rounds of the watch: how far the old events are verified again, at what pace, and since when
every event is verified. Arithmetic over sequence numbers and seconds since 1970."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

PACE = 3
"""A round is planned to last a third of the promised time. An event may be verified first in one
round and last in the next, so two rounds have to fit, and a third is left for pauses."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the watch goes on.

    New events are verified up to `verified`. The round that began at `began`, when the ledger
    ended at `end`, has verified old ones again up to `rolled`. Every event that was there at
    `since` was verified after it: that is when the last whole round began, which `lasted` so many
    seconds. Before the first one ends it is when the watch first looked.
    """

    verified: int
    rolled: int
    end: int
    began: float
    since: float
    lasted: float | None = None

    @classmethod
    def first(cls, verified: int, last: int, now: float) -> Place:
        """Nothing was verified yet; events up to `verified` are taken for old ones."""
        return cls(verified, 0, last, began=now, since=now)

    def at(self, last: int, now: float) -> Place:
        """The same place on a ledger that may have lost its end and by a clock that was put back:
        neither keeps a round from ending."""
        end = min(self.end, last)
        return replace(
            self,
            verified=min(self.verified, last),
            rolled=min(self.rolled, end),
            end=end,
            began=min(self.began, now),
            since=min(self.since, now),
        )

    def turned(self, last: int, now: float) -> Place:
        """The first place of the next round, when this one has come to its end."""
        lasted = now - self.began
        return replace(self, rolled=0, end=last, began=now, since=self.began, lasted=lasted)

    def due(self, now: float, promised: float) -> float:
        """How far the round should be by now for the promise to be kept."""
        return self.end * min(1.0, (now - self.began) * PACE / promised)


@dataclass(frozen=True)
class Timing:
    """The clock of one look, and the promise: every event is verified again within so many
    seconds. Time passes by a clock that nobody puts back, from the moment that the look began."""

    promised: float
    began: float = field(default_factory=time.time)
    clock: Callable[[], float] = time.monotonic
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_started", self.clock())

    def now(self) -> float:
        """Seconds since 1970."""
        return self.began + self.clock() - self._started

    def within(self, seconds: float) -> Callable[[], bool]:
        """Tells, asked later, whether so many seconds from now have not passed yet."""
        end = self.clock() + seconds
        return lambda: self.clock() < end
