"""Answers that cost time, remembered in proportion to what they cost.

They must never be shown without the moment at which they were true.
"""

from __future__ import annotations

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
page, and a large one costs a process one percent of its time."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Remembered(Generic[T]):
    """An answer and when it was found."""

    answer: T
    found_at: datetime


def remembered(name: str, using: str, find: Callable[[], T]) -> Remembered[T]:
    """The answer of `find` about the database of `using`, at most a hundred times its cost old."""
    key = f"{name}-{using}-{connections[using].settings_dict['NAME']}"
    known: Remembered[T] | None = cache.get(key)
    if known is not None:
        return known
    found_at, began = timezone.now(), time.monotonic()
    known = Remembered(find(), found_at)
    cache.set(key, known, timeout=SHARE_OF_TIME * (time.monotonic() - began))
    return known
