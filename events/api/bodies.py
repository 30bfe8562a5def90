"""Reading request bodies: bounded, strict, each by a parser of its own media type.

It must never read further than a body may be long.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.http import HttpRequest
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.views import APIView

from events.access.waiting import waiting_for_body
from events.api import requested
from events.api.arrivals import UNCOUNTED, arrivals
from events.api.authentication import agent_of
from events.api.problems import (
    BAD_REQUEST,
    LENGTH_REQUIRED,
    MALFORMED_JSON,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    Refused,
)
from events.submission import Submission

R = TypeVar("R")

MAX_EVENT_BODY = 2 * 2**20
MAX_BATCH_BODY = 32 * 2**20
_CHUNK = 2**16
_LENGTH_DIGITS = 18
"""A length of more digits is beyond every limit; of thousands, Python makes no number."""


class Parser(BaseParser):
    """Reads bodies of one media type, of at most `limit` bytes."""

    limit = 0

    def read(self, request: HttpRequest, agent_id: str | None) -> Any:
        """What the agent asks to record.

        Raises:
            LedgerError, Refused: the body says what cannot be taken.
        """
        raise NotImplementedError


class EventParser(Parser):
    """One event as a JSON document."""

    media_type = "application/json"
    limit = MAX_EVENT_BODY

    def read(self, request: HttpRequest, agent_id: str | None) -> Submission:
        """The event."""
        return _parsed(requested.in_document, read_body(request, self.limit), agent_id)


class BatchParser(Parser):
    """Events as a JSON array."""

    media_type = "application/json"
    limit = MAX_BATCH_BODY

    def read(self, request: HttpRequest, agent_id: str | None) -> list[Submission]:
        """The events in order."""
        return _parsed(requested.in_array, read_body(request, self.limit), agent_id)


class LinesParser(Parser):
    """Events one a line. Blank lines are skipped, and the last newline may be missing.

    A connection that breaks ends a body without length like any other, and lines do not show that
    some are missing: half a batch would be written. So the length is asked for.
    """

    media_type = "application/x-ndjson"
    limit = MAX_BATCH_BODY

    def read(self, request: HttpRequest, agent_id: str | None) -> list[Submission]:
        """The events in order."""
        if _declared_length(request) is None:
            raise _length_required(
                "a batch by lines that was cut off could not be told from a whole"
            )
        return _parsed(requested.in_lines, read_body(request, self.limit), agent_id)


def read_requested(request: Request, view: APIView) -> Any:
    """What the view's parser for the request's Content-Type makes of the body.

    Not `request.data`: that takes a body without length for no body.
    """
    parser, agent_id = _select_parser(request._request, view.get_parsers()), agent_of(request)
    declared = _declared_length(request._request)
    if declared is not None and declared > parser.limit:
        raise _too_large(parser.limit)
    with arrivals.place(agent_id, parser.limit if declared is None else declared):
        return parser.read(request._request, agent_id)


def _select_parser(request: HttpRequest, parsers: Sequence[Any]) -> Parser:
    """By media type alone; JSON is UTF-8 (RFC 8259 section 8.1) and comes unpacked."""
    media_type = (request.content_type or "").lower()
    charset = (request.content_params or {}).get("charset", "utf-8").lower()
    coding = request.META.get("HTTP_CONTENT_ENCODING", "identity").lower()
    by_type = {parser.media_type: parser for parser in parsers}
    if media_type not in by_type:
        named = f"not {media_type}" if media_type else "and say so in Content-Type"
        taken = " or ".join(str(name) for name in by_type)
        raise Refused(UNSUPPORTED_MEDIA_TYPE, f"send {taken}, {named}")
    if charset not in ("utf-8", "utf8"):
        raise Refused(UNSUPPORTED_MEDIA_TYPE, f"JSON is UTF-8, not {charset}")
    if coding != "identity":
        raise Refused(UNSUPPORTED_MEDIA_TYPE, f"the Content-Encoding {coding} is not taken")
    parser: Parser = by_type[media_type]
    return parser


_one_large = threading.Lock()


def _parsed(parse: Callable[[bytes, str | None], R], body: bytes, agent_id: str | None) -> R:
    """The body by its parser. Large ones are parsed one after another: it takes the interpreter all
    the time, so that they would not be ready sooner, and their values take memory all at once."""
    if len(body) <= UNCOUNTED:
        return parse(body, agent_id)
    with _one_large:
        return parse(body, agent_id)


def read_body(request: HttpRequest, limit: int) -> bytes:
    """The whole body, which may have at most `limit` bytes.

    Read from the stream and not by `request.body`, whose own bound (DATA_UPLOAD_MAX_MEMORY_SIZE)
    is for forms. What has no length is counted while it is read.
    """
    declared = _declared_length(request)
    if declared is not None and declared > limit:
        raise _too_large(limit)
    stream = request if declared is not None else _unmeasured(request)
    pieces, room = [], limit + 1
    peer = str(request.META.get("REMOTE_ADDR", ""))
    with waiting_for_body(peer, declared or limit) as wait:
        while room > 0 and (piece := stream.read(min(room, _CHUNK))):
            pieces.append(piece)
            room -= len(piece)
            wait.go_on()
    if room <= 0:
        raise _too_large(limit)
    body = b"".join(pieces)
    if declared is not None and len(body) < declared:
        raise Refused(BAD_REQUEST, f"the body ended after {len(body):,} of {declared:,} bytes")
    if not body.strip():
        raise Refused(MALFORMED_JSON, "the body is empty")
    return body


def _declared_length(request: HttpRequest) -> int | None:
    """None where only the transfer itself ends the body (RFC 9112 section 6.3)."""
    length = request.META.get("CONTENT_LENGTH") or ""
    chunked = "HTTP_TRANSFER_ENCODING" in request.META
    if chunked or not length.isdecimal():
        return None
    return int(length) if len(length) <= _LENGTH_DIGITS else sys.maxsize


def _unmeasured(request: HttpRequest) -> Any:
    """The server's own stream, if it ends where the body ends: Django reads none without length."""
    if not request.META.get("wsgi.input_terminated"):
        raise _length_required("this server does not tell where a body without one ends")
    return request.META["wsgi.input"]


def _length_required(why: str) -> Refused:
    return Refused(LENGTH_REQUIRED, f"send the body with a Content-Length: {why}")


def _too_large(limit: int) -> Refused:
    return Refused(TOO_LARGE, f"the body may have at most {limit:,} bytes", max_bytes=limit)
