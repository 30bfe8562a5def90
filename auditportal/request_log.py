"""Logs one line for each request, and adds its id to every line logged during it.

Streams log their beginning and end. When the database becomes unavailable, a stream ends with one
log line and without a traceback; its producer has already marked it as incomplete.

Invariant: neither bodies nor headers that may contain a token are logged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django_structlog.middlewares import RequestMiddleware
from structlog.contextvars import bind_contextvars, clear_contextvars

from events.access.client_address import client_address
from events.access.refusals import refusal_of
from events.access.request_context import SHIPPERS, request_id
from events.store.connection import AWAY, LedgerUnavailableError, first_line

log = structlog.get_logger(__name__)


class RequestLog(RequestMiddleware):
    """django-structlog's middleware without the line at the beginning of a request, and with the
    address taken from a header only behind a trusted proxy."""

    def prepare(self, request: HttpRequest) -> None:
        """Bind the request to all lines logged during it."""
        bind_contextvars(request_id=request_id(request))
        self.bind_user_id(request)
        self.bind_ip(request)

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Bind the client's address."""
        bind_contextvars(ip=client_address(request))

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Method and address. The query of a shipper is omitted: it may contain a token (Splunk
        senders) and content of records."""
        if request.path_info.startswith(SHIPPERS):
            return f"{request.method} {request.path}"
        return f"{request.method} {request.get_full_path()}"

    def _process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Log an unavailable database without a traceback, and without looking up the user in
        it."""
        if not isinstance(exception, AWAY):
            super()._process_exception(request, exception)
            return
        # django-structlog's mark for handle_response, absent from its types.
        request._raised_exception = exception  # type: ignore[attr-defined]
        log.warning(
            "request_broke_off", request=self.format_request(request), reason=first_line(exception)
        )

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        """Log the response; streams get two more lines. Failed requests are left to
        django-structlog."""
        if hasattr(request, "_raised_exception"):
            super().handle_response(request, response)
            return
        self.bind_user_id(request)
        if isinstance(response, StreamingHttpResponse):
            context = structlog.contextvars.get_merged_contextvars(log)
            response.streaming_content = logged(response.streaming_content, context)
        log.log(
            self._log_level_for_status_code(response.status_code),
            "request_finished",
            code=response.status_code,
            request=self.format_request(request),
            **refusal_of(request),
            **_agent(request),
        )
        clear_contextvars()


def _agent(request: HttpRequest) -> dict[str, Any]:
    agent = request.META.get("HTTP_USER_AGENT")
    return {"user_agent": agent} if agent else {}


def logged(pieces: Iterator[bytes], context: dict[str, Any]) -> Iterator[bytes]:
    """The pieces, with log lines at beginning and end; no traceback for an unavailable database."""
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


class EndOnDatabaseLoss(Iterator[bytes]):
    """A streaming response that ends when the database becomes unavailable; the server would print
    a traceback for an exception."""

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
    """A response in memory, passed to the server in pieces."""

    def __init__(self, response: HttpResponse) -> None:
        content = response.content
        self._pieces = (content[place : place + _PIECE] for place in range(0, len(content), _PIECE))
        self.close = response.close

    def __next__(self) -> bytes:
        return next(self._pieces)
