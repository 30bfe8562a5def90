"""Lets a batch be written and counted before Ctrl-C or SIGTERM ends the run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_WAITING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def signals_deferred() -> Iterator[None]:
    """The first signal takes effect behind the block, the second at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[int] = []
    before: dict[int, Any] = {}

    def ask(number: int, frame: FrameType | None) -> None:
        if asked and callable(before[number]):
            before[number](number, frame)
        asked.append(number)

    for number in _WAITING:
        before[number] = signal.getsignal(number)
        signal.signal(number, ask)
    try:
        yield
    finally:
        for waiting, handler in before.items():
            signal.signal(waiting, handler or signal.SIG_DFL)
        if asked:
            signal.raise_signal(asked[0])
