"""Threads released together, each with database connections of its own.

It must never be imported outside tests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

T = TypeVar("T")
PATIENCE_SECONDS = 60


def together(calls: Sequence[Callable[[], T]]) -> list[T]:
    """What each call gives, all released together. An error of a call is raised."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        try:
            connections["default"].ensure_connection()
            barrier.wait(timeout=PATIENCE_SECONDS)
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [f.result() for f in [pool.submit(run, call) for call in calls]]
