"""What a request comes to know of itself for the access log: whose token it was, how many events
were shown.

It must never hold what was read.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils import timezone

from events.access.recorder import recorder
from events.models import ApiToken

NOTED_SECONDS = 60.0
"""How often the use of a token is noted."""

_noted: dict[str, float] = {}
"""When the use of each token was last noted by this process."""


@dataclass
class Note:
    """Filled in while a request is answered."""

    token: ApiToken | None = None
    events: int | None = None
    left_out: bool = False


def note_of(request: HttpRequest) -> Note:
    """The note of a request, begun if there is none yet."""
    note: Note | None = getattr(request, "access_note", None)
    if note is None:
        note = Note()
        request.access_note = note  # type: ignore[attr-defined]
    return note


def note_token(request: HttpRequest, token: ApiToken) -> None:
    """The request came with a token, which is thereby used."""
    note_of(request).token = token
    now = time.monotonic()
    if now - _noted.get(token.token_key, -NOTED_SECONDS) >= NOTED_SECONDS:
        _noted[token.token_key] = now
        recorder().note_use(token.token_key, timezone.now())


def note_events(request: HttpRequest, count: int) -> None:
    """So many events were shown."""
    note_of(request).events = count


def leave_out(request: HttpRequest) -> None:
    """Nothing was shown that had not been shown and recorded before."""
    note_of(request).left_out = True


def count_lines(request: HttpRequest, pieces: Iterable[bytes], header: bytes) -> Iterator[bytes]:
    """The pieces of a file of one event a line, each event noted as it goes out: canonical JSON
    has no line end inside, and no field of an event has."""
    note = note_of(request)
    lines = -header.count(b"\n")
    for piece in pieces:
        lines += piece.count(b"\n")
        note.events = max(0, lines)
        yield piece
