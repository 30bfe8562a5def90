"""How many exports a server process streams at once: each holds one of its threads to the end.

It must never lose a place, whatever becomes of the answer or of the client.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from django.conf import settings

_places = threading.BoundedSemaphore(max(1, settings.PORTAL_THREADS // 2))
"""Half of the threads, so that the other half goes on answering."""


class Streaming(Iterator[bytes]):
    """An iterator that holds a place until it is at its end, closed or forgotten."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._places = _places
        self._held = self._places.acquire(blocking=False)
        self._lock = threading.Lock()

    @property
    def admitted(self) -> bool:
        """Whether there was a place."""
        return self._held

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the place back; Django and the server call it when the answer is over."""
        with self._lock:
            held, self._held = self._held, False
        if held:
            self._places.release()

    def __del__(self) -> None:
        if hasattr(self, "_lock"):
            self.close()
