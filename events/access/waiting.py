"""Bodies that a thread waits for, and until when.

A thread that reads a body can only wait: no call of the server has a timeout. So each wait is noted
here, and `auditportal.slow_clients` ends the connections of those that are overdue.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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
