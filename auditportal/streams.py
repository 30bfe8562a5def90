"""Streams that the database broke off: told of in one line, and ended.

They must never pass for whole: whoever makes a stream has spoilt it before raising.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import structlog
from django.http import HttpResponse, StreamingHttpResponse

from events.store.connection import LedgerUnavailableError, first_line

log = structlog.get_logger(__name__)


def logged(pieces: Iterator[bytes], context: dict[str, Any]) -> Iterator[bytes]:
    """The pieces, their beginning and their end in the log. A database that went away is no fault
    of ours, and gets no traceback."""
    with structlog.contextvars.bound_contextvars(**context):
        log.info("streaming_started")
        try:
            yield from pieces
        except LedgerUnavailableError as error:
            log.warning("streaming_broke_off", reason=first_line(error))
            raise
        except Exception:
            log.exception("streaming_failed")
            raise
        log.info("streaming_finished")


class Ended(Iterator[bytes]):
    """A streaming answer for the server, which writes a traceback to the terminal of whatever is
    raised; a database that went away ends the answer instead."""

    def __init__(self, response: StreamingHttpResponse) -> None:
        self._pieces = iter(response)
        self.close = response.close

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except LedgerUnavailableError:
            raise StopIteration from None


_PIECE = 2**16


class InPieces(Iterator[bytes]):
    """An answer that is in memory, given to the server piece after piece."""

    def __init__(self, response: HttpResponse) -> None:
        content = response.content
        self._pieces = (content[place : place + _PIECE] for place in range(0, len(content), _PIECE))
        self.close = response.close

    def __next__(self) -> bytes:
        return next(self._pieces)
