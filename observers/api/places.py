"""How many exports and verifications a server process works on at once: each holds one of its
threads to the end.

It must never lose a place, whatever becomes of the answer or of the client.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from django.conf import settings
from django.http import HttpRequest

from events.access.callers import known_caller
from events.access.places import Places

exports = Places(settings.PORTAL_THREADS // 8, settings.PORTAL_THREADS // 16)
"""An eighth of the threads, half of these for one caller."""

verifications = Places(2, 1)
"""One a caller: each takes a processor for as long as it goes on."""

strangers_verifications = Places(1, 1, within=verifications)


def verifications_of(request: HttpRequest) -> Places:
    """The places for whoever asks."""
    return verifications if known_caller(request) else strangers_verifications


class Streaming(Iterator[bytes]):
    """An iterator that holds a place until it is at its end, closed or forgotten."""

    def __init__(self, places: Places, caller: str) -> None:
        self.pieces: Iterator[bytes] = iter(())
        self._places, self._caller = places, caller
        self._held = places.take(caller)
        self._lock = threading.Lock()

    @property
    def admitted(self) -> bool:
        """Whether there was a place."""
        return self._held

    def __next__(self) -> bytes:
        try:
            return next(self.pieces)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the place back; Django and the server call it when the answer is over."""
        with self._lock:
            held, self._held = self._held, False
        if held:
            self._places.leave(self._caller)

    def __del__(self) -> None:
        if hasattr(self, "_lock"):
            self.close()
