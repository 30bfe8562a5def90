"""Waits for other threads and processes, where no barrier can enforce the order."""

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
