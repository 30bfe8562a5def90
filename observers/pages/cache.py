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

from events.store.connection import AWAY

SHARE_OF_TIME = 100
"""An answer is good for a hundred times as long as it took: a small ledger is looked at for every
page, and a large one costs a process a few percent of its time."""

FRESH, OLDEST = 20.0, 50.0
"""Seconds. A dear answer is found anew when it is no longer fresh, and never shown any older."""

DEAR = 0.1
"""Seconds from which on an answer is dear: it is kept fresh beside the pages, which do not wait."""

KEPT = 300.0
"""Seconds that a dear answer is kept fresh after it was last asked for."""

MOST_KEPT = 8
"""Answers kept fresh at a time; others are found anew when they are asked for."""

REST = 10
"""A dear answer is left alone for so many times its cost: keeping it costs a tenth of a core."""

T = TypeVar("T")
log = logging.getLogger(__name__)

_asked: dict[str, float] = {}
"""When each of the kept answers was last asked for."""
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class CachedAnswer(Generic[T]):
    """An answer, when it was found, and the seconds that took."""

    answer: T
    found_at: datetime
    cost: float

    @property
    def dear(self) -> bool:
        return self.cost >= DEAR


def cached_in_proportion(name: str, using: str, find: Callable[[], T]) -> CachedAnswer[T]:
    """The answer of `find` about the database of `using`, at most `OLDEST` seconds old.

    `find` may run again and again in a thread of its own, so it must look up for itself what
    moves, such as where the ledger ends, and open nothing but Django's connections.
    """
    key = _key(name, using)
    known: CachedAnswer[T] | None = cache.get(key)
    if known is None:
        known = _find(key, find)
    if known.dear:
        _keep(name, using, find)
    return known


def _key(name: str, using: str) -> str:
    return f"{name}-{using}-{connections[using].settings_dict['NAME']}"


def _find(key: str, find: Callable[[], T]) -> CachedAnswer[T]:
    found_at, began = timezone.now(), time.monotonic()
    answer = find()
    known = CachedAnswer(answer, found_at, time.monotonic() - began)
    good_for = OLDEST if known.dear else min(SHARE_OF_TIME * known.cost, FRESH)
    cache.set(key, known, timeout=good_for - known.cost)
    return known


def _keep(name: str, using: str, find: Callable[[], object]) -> None:
    """Keep an answer fresh in a thread, one for each."""
    key, now = _key(name, using), time.monotonic()
    with _lock:
        kept = key in _asked
        if not kept and len(_asked) >= MOST_KEPT:
            return
        _asked[key] = now
    if not kept:
        threading.Thread(
            target=_keep_fresh, args=(name, using, key, find), name=key, daemon=True
        ).start()


def _keep_fresh(name: str, using: str, key: str, find: Callable[[], object]) -> None:
    pause, rest = threading.Event(), FRESH
    try:
        while time.monotonic() - _asked[key] < KEPT:
            pause.wait(rest)
            if _key(name, using) != key:  # another database by now: not ours to ask
                return
            rest = max(FRESH, REST * _find(key, find).cost)
            connections.close_all()  # this thread's own
    except AWAY as error:
        log.warning("a figure is not kept fresh while the database is away: %s: %s", key, error)
    except Exception:
        log.exception("a figure could not be kept fresh: %s", key)
    finally:
        connections.close_all()
        with _lock:
            del _asked[key]
