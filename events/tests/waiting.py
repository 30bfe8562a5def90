"""Waiting for what other threads and processes are about to do.

It must never be imported outside tests, and never stand for an order that a barrier can enforce.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 30


def until(condition: Callable[[], bool]) -> None:
    """Return once it holds; fail when it does not in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)
