"""Records read access: every address except those whose view is marked `@not_logged`.

Strangers redirected to sign-in leave no entry, so that they cannot fill the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

from events.access.client_address import client_address
from events.access.recorder import recorder
from events.access.request_context import AccessContext, note_of
from events.access.view_marks import Mark, has_mark
from events.store.access_log import Access

ASKED = 2000
"""Maximum number of characters recorded of an address."""

TOO_MANY = 429


class AccessLogMiddleware:
    """Writes one entry a request; two for a file, at its beginning and its end."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not _is_reading(request, response):
            return response
        entry = _entry(request, response, note_of(request))
        if entry is None:
            return response
        if response.streaming and response.status_code == 200:
            _record_streaming(request, response, replace(entry, outcome="begun"))
        else:
            recorder().record(entry)
        return response


def _is_reading(request: HttpRequest, response: HttpResponseBase) -> bool:
    match = request.resolver_match
    if match is None or has_mark(match.func, Mark.NOT_LOGGED) or response.status_code == TOO_MANY:
        return False
    if note_of(request).left_out:
        return False
    return not (request.method == "POST" and has_mark(match.func, Mark.WRITES_EVENTS))


def _entry(request: HttpRequest, response: HttpResponseBase, note: AccessContext) -> Access | None:
    """Build the entry; None for a stranger who was shown nothing."""
    status = response.status_code
    kind, who, agent_id = _who(request, note)
    if kind == "public" and not (settings.PORTAL_PUBLIC_READING and status < 300):
        return None
    match = request.resolver_match
    return Access(
        at=timezone.now(),
        kind=kind,
        who=who,
        agent_id=agent_id,
        address=client_address(request),
        route=match.view_name if match else "",
        asked=f"{request.method} {request.get_full_path()}"[:ASKED],
        outcome="answered" if status < 400 else "refused",
        status=status,
        events=note.events if status < 400 else None,
    )


def _who(request: HttpRequest, note: AccessContext) -> tuple[str, str | None, str | None]:
    if note.token is not None:
        return "token", note.token.token_key, note.token.agent_id
    user: Any = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return "account", user.get_username(), None
    return "public", None, None


def _record_streaming(request: HttpRequest, response: Any, begun: Access) -> None:
    """Record a file before its first byte is sent, and again when it has ended."""
    recorder().record(begun)
    answer: StreamingHttpResponse = response
    answer.streaming_content = _recorded(answer.streaming_content, begun, note_of(request))  # type: ignore[arg-type]


def _recorded(pieces: Iterable[bytes], begun: Access, note: AccessContext) -> Iterator[bytes]:
    outcome = "broken off"
    try:
        yield from pieces
        outcome = "sent"
    finally:
        recorder().record(replace(begun, at=timezone.now(), outcome=outcome, events=note.events))
