"""Reads request bodies: bounded, decompressed, each by a parser for its media type.

Invariant: never reads or decompresses more than the maximum length of a body.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, TypeVar

from django.http import HttpRequest
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.views import APIView

from events.access.concurrency import waiting_for_body
from events.api import event_bodies
from events.api.authentication import agent_of
from events.api.encodings import ACCEPTED, CODINGS, DamagedError, unpack
from events.api.problems import (
    BAD_REQUEST,
    LENGTH_REQUIRED,
    MALFORMED_JSON,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    Refused,
)
from events.api.throttling import UNCOUNTED, Memory, arrivals
from events.submission import Submission

R = TypeVar("R")

MAX_EVENT_BODY = 2 * 2**20
MAX_BATCH_BODY = 32 * 2**20
_CHUNK = 2**16
_LENGTH_DIGITS = 18
"""A length of more digits exceeds every limit; Python refuses to parse thousands of them."""


LINES = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/x-jsonl",
)
"""The names under which JSON documents one a line are sent; none of them is registered."""

USUAL_RATIO = 8
"""Assumed ratio of decompressed to compressed length, until it is known."""


class Parser(BaseParser):
    """Parses bodies of one media type, of at most `limit` bytes. `also` lists alternative names."""

    limit = 0
    also: Sequence[str] = ()
    shows_its_end = True
    """True if a body that was cut off cannot pass for a whole one."""

    def read(self, body: bytes, agent_id: str | None) -> Any:
        """Return what the agent asks to record.

        Raises:
            LedgerError, Refused: the body is not acceptable.
        """
        raise NotImplementedError


class EventParser(Parser):
    """One event as a JSON document."""

    media_type = "application/json"
    limit = MAX_EVENT_BODY

    def read(self, body: bytes, agent_id: str | None) -> Submission:
        """The event."""
        return _parsed(event_bodies.parse_event, body, agent_id)


class BatchParser(Parser):
    """Events as a JSON array."""

    media_type = "application/json"
    limit = MAX_BATCH_BODY

    def read(self, body: bytes, agent_id: str | None) -> list[Submission]:
        """The events in order."""
        return _parsed(event_bodies.parse_array, body, agent_id)


class LinesParser(Parser):
    """Events as JSON documents, one a line.

    Blank lines are skipped, and the last newline may be missing. A Content-Length is required: a
    broken connection ends a body without length silently, and half a batch would be written.
    """

    media_type = LINES[0]
    also = LINES[1:]
    limit = MAX_BATCH_BODY
    shows_its_end = False

    def read(self, body: bytes, agent_id: str | None) -> list[Submission]:
        """The events in order."""
        return _parsed(event_bodies.parse_lines, body, agent_id)


def read_requested(request: Request, view: APIView) -> Any:
    """Parse the body with the view's parser for the request's Content-Type.

    Not `request.data`, which treats a body without Content-Length as empty.
    """
    parser, agent_id = _select_parser(request._request, view.get_parsers()), agent_of(request)
    with body_of(request._request, agent_id, parser.limit, parser.shows_its_end) as body:
        return parser.read(body, agent_id)


@contextmanager
def body_of(
    request: HttpRequest, agent_id: str | None, limit: int, shows_its_end: bool = False
) -> Iterator[bytes]:
    """Yield the whole decompressed body, at most `limit` bytes compressed and decompressed.

    Holds a concurrency slot and the memory for the body meanwhile.

    Raises:
        Refused: it is too long, does not arrive whole, or cannot be decompressed.
    """
    coding, declared = _coding(request), _declared_length(request)
    if declared is None and not shows_its_end and coding is None:
        raise _length_required("a truncated body of records could not be told from a complete one")
    if declared is not None and declared > limit:
        raise _too_large(limit)
    size = limit if declared is None else declared
    packed = coding is not None and declared is not None
    with arrivals.place(agent_id, min(limit, size * USUAL_RATIO) if packed else size) as memory:
        yield _read_body(request, limit, coding, memory)


def _select_parser(request: HttpRequest, parsers: Sequence[Any]) -> Parser:
    """Select the parser by media type alone; JSON is UTF-8 (RFC 8259 section 8.1)."""
    by_type = {name: parser for parser in parsers for name in (parser.media_type, *parser.also)}
    media_type = (request.content_type or "").lower()
    if media_type not in by_type:
        named = f"not {media_type}" if media_type else "and say so in Content-Type"
        taken = " or ".join(str(parser.media_type) for parser in parsers)
        raise Refused(UNSUPPORTED_MEDIA_TYPE, f"send {taken}, {named}")
    check_charset(request)
    parser: Parser = by_type[media_type]
    return parser


def check_charset(request: HttpRequest) -> None:
    """Require UTF-8.

    Raises:
        Refused: another charset is declared.
    """
    charset = (request.content_params or {}).get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise Refused(UNSUPPORTED_MEDIA_TYPE, f"JSON is UTF-8, not {charset}")


def _coding(request: HttpRequest) -> str | None:
    """Return the Content-Encoding; None if the body is not compressed."""
    coding = str(request.META.get("HTTP_CONTENT_ENCODING", "")).strip().lower()
    if coding in ("", "identity"):
        return None
    if coding not in CODINGS:
        raise Refused(
            UNSUPPORTED_MEDIA_TYPE,
            f"the Content-Encoding {coding} is not supported; supported are {ACCEPTED}",
            headers={"Accept-Encoding": ACCEPTED},
        )
    return coding


_one_large = threading.Lock()


def _parsed(parse: Callable[[bytes, str | None], R], body: bytes, agent_id: str | None) -> R:
    """Parse the body.

    Large bodies are parsed one at a time: parsing holds the GIL, so parallel parsing would not be
    faster and would need memory for all of them at once.
    """
    if len(body) <= UNCOUNTED:
        return parse(body, agent_id)
    with _one_large:
        return parse(body, agent_id)


def _read_body(request: HttpRequest, limit: int, coding: str | None, memory: Memory) -> bytes:
    pieces, size = [], 0
    try:
        with closing(_chunks(request, limit)) as chunks:
            for piece in chunks if coding is None else unpack(chunks, coding):
                size += len(piece)
                if size > limit:
                    raise _too_large(limit)
                memory.require(size)
                pieces.append(piece)
    except DamagedError as error:
        raise Refused(BAD_REQUEST, f"the body is damaged: {error}") from None
    body = b"".join(pieces)
    if not body.strip():
        raise Refused(MALFORMED_JSON, "the body is empty")
    return body


def _chunks(request: HttpRequest, limit: int) -> Generator[bytes, None, None]:
    """Yield the body as sent: all of it, at most `limit` bytes.

    Reads the stream, not `request.body`, whose own bound (DATA_UPLOAD_MAX_MEMORY_SIZE) is for
    forms. A body without length is counted while it is read.
    """
    declared = _declared_length(request)
    stream = request if declared is not None else _unmeasured(request)
    room = limit + 1
    peer = str(request.META.get("REMOTE_ADDR", ""))
    with waiting_for_body(peer, declared or limit) as wait:
        while room > 0 and (piece := stream.read(min(room, _CHUNK))):
            room -= len(piece)
            wait.go_on()
            yield piece
    if room <= 0:
        raise _too_large(limit)
    arrived = limit + 1 - room
    if declared is not None and arrived < declared:
        raise Refused(BAD_REQUEST, f"the body ended after {arrived:,} of {declared:,} bytes")


def _declared_length(request: HttpRequest) -> int | None:
    """Return the Content-Length; None if only the transfer ends the body (RFC 9112 section 6.3)."""
    length = request.META.get("CONTENT_LENGTH") or ""
    chunked = "HTTP_TRANSFER_ENCODING" in request.META
    if chunked or not length.isdecimal():
        return None
    return int(length) if len(length) <= _LENGTH_DIGITS else sys.maxsize


def _unmeasured(request: HttpRequest) -> Any:
    """Return the server's own stream if it ends with the body: Django reads none without length."""
    if not request.META.get("wsgi.input_terminated"):
        raise _length_required("without it the server cannot tell where the body ends")
    return request.META["wsgi.input"]


def _length_required(why: str) -> Refused:
    return Refused(LENGTH_REQUIRED, f"send the body with a Content-Length: {why}")


def _too_large(limit: int) -> Refused:
    return Refused(TOO_LARGE, f"the body may have at most {limit:,} bytes", max_bytes=limit)
