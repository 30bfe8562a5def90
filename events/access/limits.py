"""Token buckets: how often something may happen, by whom. Arithmetic over a clock it is given.

It must never grow without end: whoever has been quiet long enough is forgotten.

The limits of the portal: of requests, each a set of buckets in this process, and of signing in,
which the database counts for all processes.

They must never limit an honest writer below 5,000 requests a second, nor let strangers use up
what belongs to somebody who has a token: whoever is known is counted by who he is, and addresses
count only for those who are not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cache

from django.conf import settings

from events.store import access_log

SWEEP = 4096
"""Known names from which on those whose bucket is full again are forgotten."""


@dataclass
class TokenBuckets:
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


BURST_SECONDS = 2
"""A limit may be used up so many seconds ahead at once."""


@cache
def _per_second(kind: str, rate: float) -> TokenBuckets:
    return TokenBuckets(rate, rate * BURST_SECONDS, time.monotonic)


def writes() -> TokenBuckets:
    """By token: requests that record something."""
    return _per_second("writes", settings.PORTAL_LIMIT_WRITES)


def reads() -> TokenBuckets:
    """By token or account: requests that read."""
    return _per_second("reads", settings.PORTAL_LIMIT_READS)


def strangers() -> TokenBuckets:
    """By address: requests with no token or with a wrong one."""
    return _per_second("strangers", settings.PORTAL_LIMIT_ADDRESS)


def take_sign_in(network: str) -> float:
    """0 and one try less of a password or a code, whoever's; or the seconds to wait for one."""
    most = settings.PORTAL_LIMIT_SIGN_IN
    return 0.0 if not most or access_log.take_sign_in(network, most) else 60 / most
