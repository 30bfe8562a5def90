"""Places for work that holds a thread of a server process for as long as somebody else likes.

Bodies that a thread waits for, and until when.

A thread that reads a body can only wait: no call of the server has a timeout. So each wait is noted
here, and `auditportal.slow_clients` ends the connections of those that are overdue.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class Places:
    """At most `most` places at once.

    One caller gets `each` of them at most. Without `each`, a caller gets one more only while those
    held by all and those held by it make less than `most` together: alone it gets half of them, a
    second one half of the rest, and who holds none is let in as long as there is any.
    Whoever takes a place here takes one of `within` too, if that is given.
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
        """Whether the caller got a place, or `count` of them. They are waited for `patience`
        seconds by `waiters` requests at once, half of them one caller's: who waits holds a thread
        as well."""
        with self._changed:
            if not self._has_room(caller, count) and not self._wait(caller, patience, count):
                return False
            self._held[caller] += count
        if self._within is None or self._within.take(caller, count=count):
            return True
        self._give_back(caller, count)
        return False

    def leave(self, caller: Hashable, count: int = 1) -> None:
        """Give back what `take` gave."""
        self._give_back(caller, count)
        if self._within is not None:
            self._within.leave(caller, count)

    def held_by(self, caller: Hashable) -> int:
        """How many places the caller holds."""
        return self._held[caller]

    @property
    def held(self) -> int:
        """How many places are held."""
        return self._held.total()

    def _has_room(self, caller: Hashable, count: int) -> bool:
        total, own = self._held.total() + count, self._held[caller] + count
        if self._each is None:
            return total == count or total + own <= self.most + 1
        return total <= self.most and own <= self._each

    def _wait(self, caller: Hashable, patience: float, count: int) -> bool:
        """Wait, if there is room among those who do; half of it is for others."""
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
"""Time for a piece of a body to arrive: a form, or the next 64 KiB of something larger."""

BODY_RATE = 2**16
"""Bytes a second that a large body arrives with at least, taken as a whole."""


@dataclass(slots=True)
class Wait:
    """One thread's wait for a body from `peer`, the other end of the connection."""

    peer: str
    began: float
    last: float
    until: float

    def go_on(self) -> None:
        """A piece has arrived, and the next is waited for."""
        self.until = min(time.monotonic() + BODY_SECONDS, self.last)


_waits: dict[int, Wait] = {}
_lock = threading.Lock()


@contextmanager
def waiting_for_body(peer: str, size: int) -> Iterator[Wait]:
    """Note that a body of up to `size` bytes is waited for."""
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
    """By peer, for how many seconds the newest of its overdue bodies has been waited for."""
    now = time.monotonic()
    with _lock:
        late = [(wait.peer, now - wait.began) for wait in _waits.values() if wait.until < now]
    return {peer: min(age for other, age in late if other == peer) for peer, _ in late}
