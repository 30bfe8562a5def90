"""Rate limits: token buckets in this process for requests, the database for sign-in attempts.

Known callers are counted by identity and strangers by address, so that a stranger cannot use up a
token owner's limit. No honest writer is limited below 5,000 requests a second. Idle buckets are
dropped, so that memory stays bounded.
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
"""Number of buckets from which on full ones are dropped."""


@dataclass
class TokenBuckets:
    """Token buckets by name, each of capacity `burst`, refilled by `rate` a second.

    `clock` gives monotonic seconds. A rate of 0 limits nothing.
    """

    rate: float
    burst: float
    clock: Callable[[], float]
    _levels: dict[Hashable, tuple[float, float]] = field(default_factory=dict)
    _sweep_at: int = SWEEP
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, name: Hashable) -> float:
        """Take a token and return 0; if the bucket is empty, return the seconds until it is not."""
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
        """Drop full buckets.

        The next sweep runs when the number of buckets has doubled, so that a flood of names costs
        each of them a constant share of it.
        """
        self._levels = {
            name: (level, since)
            for name, (level, since) in self._levels.items()
            if level + (now - since) * self.rate < self.burst
        }
        self._sweep_at = max(SWEEP, 2 * len(self._levels))


BURST_SECONDS = 2
"""Burst size, in seconds' worth of the rate."""


@cache
def _per_second(kind: str, rate: float) -> TokenBuckets:
    return TokenBuckets(rate, rate * BURST_SECONDS, time.monotonic)


def writes() -> TokenBuckets:
    """Limit of writing requests, by token."""
    return _per_second("writes", settings.PORTAL_LIMIT_WRITES)


def reads() -> TokenBuckets:
    """Limit of reading requests, by token or account."""
    return _per_second("reads", settings.PORTAL_LIMIT_READS)


def strangers() -> TokenBuckets:
    """Limit of requests with a missing or wrong token, by address."""
    return _per_second("strangers", settings.PORTAL_LIMIT_ADDRESS)


def take_sign_in(network: str) -> float:
    """Count a password or code attempt and return 0, or return the seconds to wait."""
    most = settings.PORTAL_LIMIT_SIGN_IN
    return 0.0 if not most or access_log.take_sign_in(network, most) else 60 / most
