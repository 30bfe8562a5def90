"""Answers that cost time, remembered in proportion to what they cost.

They must never be shown without the moment at which they were true, nor when they are older than
`OLDEST`: what a superuser did is to be seen within a minute.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from django.core.cache import cache
from django.db import connections
from django.utils import timezone

SHARE_OF_TIME = 100
"""An answer is good for a hundred times as long as it took: a small ledger is looked at for every
page, and a large one costs a process a few percent of its time."""

FRESH = 20.0
OLDEST = 50.0
"""Seconds. Beyond `FRESH` an answer is found anew, beyond `OLDEST` it is no longer shown."""

DEAR = 0.1
"""Seconds an answer may cost before it is found anew beside the pages rather than before one."""

T = TypeVar("T")
log = logging.getLogger(__name__)
_under_way: set[str] = set()
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Remembered(Generic[T]):
    """An answer, when it was found, and the seconds that took."""

    answer: T
    found_at: datetime
    cost: float

    @property
    def good_for(self) -> float:
        """Seconds after which it is found anew."""
        return min(SHARE_OF_TIME * self.cost, FRESH)


def remembered(name: str, using: str, find: Callable[[], T]) -> Remembered[T]:
    """The answer of `find` about the database of `using`, at most `OLDEST` seconds old.

    `find` may run in a thread of its own: it must open nothing but Django's connections.
    """
    key = f"{name}-{using}-{connections[using].settings_dict['NAME']}"
    known: Remembered[T] | None = cache.get(key)
    if known is None:
        return _find(key, find)
    age = (timezone.now() - known.found_at).total_seconds()
    if age > known.good_for:
        if known.cost < DEAR:
            return _find(key, find)
        _find_beside(key, find)
    return known


def _find(key: str, find: Callable[[], T]) -> Remembered[T]:
    found_at, began = timezone.now(), time.monotonic()
    answer = find()
    known = Remembered(answer, found_at, time.monotonic() - began)
    cache.set(key, known, timeout=OLDEST if known.cost >= DEAR else max(known.good_for, 0.001))
    return known


def _find_beside(key: str, find: Callable[[], object]) -> None:
    """Find an answer in a thread, one at a time for each key."""
    with _lock:
        if key in _under_way:
            return
        _under_way.add(key)
    threading.Thread(target=_run_beside, args=(key, find), name=key, daemon=True).start()


def _run_beside(key: str, find: Callable[[], object]) -> None:
    try:
        _find(key, find)
    except Exception:
        log.exception("a figure could not be found anew: %s", key)
    finally:
        connections.close_all()  # this thread's own
        with _lock:
            _under_way.discard(key)
