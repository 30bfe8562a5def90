"""One log line for each request that was answered, and its id on every line before it.

It must never log a body or a header that may hold a token.

Streams that the database broke off: told of in one line, and ended.

They must never pass for whole: whoever makes a stream has spoilt it before raising.
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
    """django-structlog's middleware with less work: a request's beginning is no line of its own,
    and the address is taken from a header only where a proxy of ours has set it."""

    def prepare(self, request: HttpRequest) -> None:
        """Whatever is logged from here on says which request it belongs to."""
        bind_contextvars(request_id=request_id(request))
        self.bind_user_id(request)
        self.bind_ip(request)

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Where the request comes from."""
        bind_contextvars(ip=client_address(request))

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Method and address. What a shipper says behind the `?` stays out: a token may stand
        there, as Splunk's senders have it, and what its records hold."""
        if request.path_info.startswith(SHIPPERS):
            return f"{request.method} {request.path}"
        return f"{request.method} {request.get_full_path()}"

    def _process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """A database that went away is no fault of ours, and gets no traceback. Nobody is asked
        who he is: that is in the database too."""
        if not isinstance(exception, AWAY):
            super()._process_exception(request, exception)
            return
        # django-structlog's own mark, which handle_response follows; no type knows it.
        request._raised_exception = exception  # type: ignore[attr-defined]
        log.warning(
            "request_broke_off", request=self.format_request(request), reason=first_line(exception)
        )

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        """The line; a stream has others, when it begins and when it ends. What broke is followed
        as django-structlog follows it."""
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


class EndOnDatabaseLoss(Iterator[bytes]):
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
