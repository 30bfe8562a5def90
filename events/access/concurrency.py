"""Limits concurrent work that holds a server thread, and tracks threads waiting for a body.

A thread cannot time out while it reads a body: no call of the server has a timeout. Each wait is
registered here, and `auditportal.slow_clients` closes overdue connections.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class Places:
    """At most `most` slots at once, at most `each` of them for one caller.

    Without `each`, a caller gets one more only while those held by all and those held by it make
    less than `most` together: alone it gets half of them, a second caller half of the rest, and a
    caller without a slot gets one as long as any is free.

    Each slot also takes one of `within`, if given.
    """

    def __init__(
        self,
        most: int,
        each: int | None = None,
        *,
        within: Places | None = None,
        waiters: int = 0,
    ) -> None:
        self.most = max(1, most)
        self._each = None if each is None else max(1, each)
        self._within = within
        self._waiters = waiters
        self._waiting: Counter[Hashable] = Counter()
        self._held: Counter[Hashable] = Counter()
        self._changed = threading.Condition()

    def take(self, caller: Hashable, patience: float = 0.0, count: int = 1) -> bool:
        """Take one slot, or `count`; return True on success.

        Waits up to `patience` seconds, with at most `waiters` requests waiting at once, half of
        them one caller's: a waiting request holds a thread as well.
        """
        with self._changed:
            if not self._has_room(caller, count) and not self._wait(caller, patience, count):
                return False
            self._held[caller] += count
        if self._within is None or self._within.take(caller, count=count):
            return True
        self._give_back(caller, count)
        return False

    def leave(self, caller: Hashable, count: int = 1) -> None:
        """Release what `take` took."""
        self._give_back(caller, count)
        if self._within is not None:
            self._within.leave(caller, count)

    def held_by(self, caller: Hashable) -> int:
        """Return the number of slots that the caller holds."""
        return self._held[caller]

    @property
    def held(self) -> int:
        """Return the number of slots in use."""
        return self._held.total()

    def _has_room(self, caller: Hashable, count: int) -> bool:
        total, own = self._held.total() + count, self._held[caller] + count
        if self._each is None:
            return total == count or total + own <= self.most + 1
        return total <= self.most and own <= self._each

    def _wait(self, caller: Hashable, patience: float, count: int) -> bool:
        """Wait if few enough requests wait already; half of the room is for other callers."""
        own, total = self._waiting[caller], self._waiting.total()
        if not patience or total >= self._waiters or 2 * own >= max(2, self._waiters):
            return False
        self._waiting[caller] += 1
        try:
            return self._changed.wait_for(lambda: self._has_room(caller, count), patience)
        finally:
            self._waiting[caller] -= 1
            if not self._waiting[caller]:
                del self._waiting[caller]

    def _give_back(self, caller: Hashable, count: int) -> None:
        with self._changed:
            self._held[caller] -= count
            if self._held[caller] <= 0:
                del self._held[caller]
            self._changed.notify_all()


BODY_SECONDS = 10.0
"""Timeout for a piece of a body: a form, or the next 64 KiB of something larger."""

BODY_RATE = 2**16
"""Minimum average rate of a large body, in bytes a second."""


@dataclass(slots=True)
class Wait:
    """One thread's wait for a body from `peer`, the other end of the connection."""

    peer: str
    began: float
    last: float
    until: float

    def go_on(self) -> None:
        """Restart the wait: a piece has arrived."""
        self.until = min(time.monotonic() + BODY_SECONDS, self.last)


_waits: dict[int, Wait] = {}
_lock = threading.Lock()


@contextmanager
def waiting_for_body(peer: str, size: int) -> Iterator[Wait]:
    """Register a wait for a body of up to `size` bytes."""
    now = time.monotonic()
    wait = Wait(peer, now, now + BODY_SECONDS + size / BODY_RATE, now + BODY_SECONDS)
    with _lock:
        _waits[id(wait)] = wait
    try:
        yield wait
    finally:
        with _lock:
            del _waits[id(wait)]


def overdue() -> dict[str, float]:
    """Return, by peer, for how many seconds its newest overdue body has been waited for."""
    now = time.monotonic()
    with _lock:
        late = [(wait.peer, now - wait.began) for wait in _waits.values() if wait.until < now]
    return {peer: min(age for other, age in late if other == peer) for peer, _ in late}
