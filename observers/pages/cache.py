"""Caches expensive answers in proportion to their cost, and refreshes slow ones in the background.

Invariant: no answer is older than `OLDEST`, and pages show when it was computed: tampering by a
superuser must be visible within a minute.
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
"""An answer is cached for this many times its cost: a small ledger is queried for every page, and
a large one costs a process a few percent of its time."""

FRESH, OLDEST = 20.0, 50.0
"""Seconds after which a slow answer is refreshed, and after which it is discarded."""

SLOW = 0.1
"""Answers that take at least this many seconds are refreshed in the background."""

REFRESHED_FOR = 300.0
"""Seconds for which a slow answer is refreshed after its last use."""

MOST_REFRESHED = 8
"""Maximum number of answers refreshed in the background; others are computed on demand."""

REST = 10
"""Pause between refreshes as a multiple of the cost: a refresh uses a tenth of a core."""

T = TypeVar("T")
log = logging.getLogger(__name__)

_last_used: dict[str, float] = {}
"""The time of last use of each answer that is refreshed in the background."""
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class CachedAnswer(Generic[T]):
    """An answer, when it was computed, and its cost in seconds."""

    answer: T
    found_at: datetime
    cost: float

    @property
    def is_slow(self) -> bool:
        return self.cost >= SLOW


def cached_in_proportion(name: str, using: str, find: Callable[[], T]) -> CachedAnswer[T]:
    """The answer of `find` for the database of `using`, at most `OLDEST` seconds old.

    Invariant: `find` may run repeatedly in a background thread, so it reads changing values such
    as the end of the ledger itself, and opens no connections but Django's.
    """
    key = _key(name, using)
    known: CachedAnswer[T] | None = cache.get(key)
    if known is None:
        known = _find(key, find)
    if known.is_slow:
        _refresh_beside(name, using, find)
    return known


def _key(name: str, using: str) -> str:
    return f"{name}-{using}-{connections[using].settings_dict['NAME']}"


def _find(key: str, find: Callable[[], T]) -> CachedAnswer[T]:
    found_at, began = timezone.now(), time.monotonic()
    answer = find()
    known = CachedAnswer(answer, found_at, time.monotonic() - began)
    good_for = OLDEST if known.is_slow else min(SHARE_OF_TIME * known.cost, FRESH)
    cache.set(key, known, timeout=good_for - known.cost)
    return known


def _refresh_beside(name: str, using: str, find: Callable[[], object]) -> None:
    """Starts a background thread that refreshes an answer, unless one runs already."""
    key, now = _key(name, using), time.monotonic()
    with _lock:
        is_refreshed = key in _last_used
        if not is_refreshed and len(_last_used) >= MOST_REFRESHED:
            return
        _last_used[key] = now
    if not is_refreshed:
        threading.Thread(
            target=_refresh_until_unused, args=(name, using, key, find), name=key, daemon=True
        ).start()


def _refresh_until_unused(name: str, using: str, key: str, find: Callable[[], object]) -> None:
    pause, rest = threading.Event(), FRESH
    try:
        while time.monotonic() - _last_used[key] < REFRESHED_FOR:
            pause.wait(rest)
            if _key(name, using) != key:  # the alias now points to another database
                return
            rest = max(FRESH, REST * _find(key, find).cost)
            connections.close_all()  # of this thread
    except AWAY as error:
        log.warning("cached figure not refreshed, the database is unavailable: %s: %s", key, error)
    except Exception:
        log.exception("cached figure could not be refreshed: %s", key)
    finally:
        connections.close_all()
        with _lock:
            del _last_used[key]
