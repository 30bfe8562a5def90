"""Token buckets: how often something may happen, by whom. Arithmetic over a clock it is given.

It must never grow without end: whoever has been quiet long enough is forgotten.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

SWEEP = 4096
"""Known names from which on those whose bucket is full again are forgotten."""


@dataclass
class Buckets:
    """One bucket a name: it holds `burst`, and fills by `rate` a second.

    `clock` gives seconds and never runs backwards. A rate of 0 limits nothing.
    """

    rate: float
    burst: float
    clock: Callable[[], float]
    _levels: dict[Hashable, tuple[float, float]] = field(default_factory=dict)
    _sweep_at: int = SWEEP
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, name: Hashable) -> float:
        """0 and one less in the bucket; or, when it is empty, the seconds until it is not."""
        if not self.rate:
            return 0.0
        now = self.clock()
        with self._lock:
            level, since = self._levels.get(name, (self.burst, now))
            level = min(self.burst, level + (now - since) * self.rate)
            if level < 1:
                self._levels[name] = level, now
                return (1 - level) / self.rate
            self._levels[name] = level - 1, now
            if len(self._levels) >= self._sweep_at:
                self._forget(now)
            return 0.0

    def _forget(self, now: float) -> None:
        """Drop full buckets. Those left are worth `_sweep_at` again before the next look, so a
        flood of names costs each of them a constant share of it."""
        self._levels = {
            name: (level, since)
            for name, (level, since) in self._levels.items()
            if level + (now - since) * self.rate < self.burst
        }
        self._sweep_at = max(SWEEP, 2 * len(self._levels))
