"""The WSGI application. Each process warms its caches in the background."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpResponse, StreamingHttpResponse

from auditportal.request_log import EndOnDatabaseLoss, InPieces

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "auditportal.settings")
_django = get_wsgi_application()

from auditportal.gate import HELD_FILE  # noqa: E402 - Django must be set up first

ONE_PIECE = 2**18
"""Bytes of a response that the server may buffer for a slow client."""


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer a request. Small responses in memory are returned in one piece, which acquires the GIL
    once. Others are iterated, and hold their thread and place at the gate until the client has
    received nearly everything."""
    response: Any = _django(environ, start_response)
    if isinstance(response, FileResponse) and _length(response) < HELD_FILE:
        return _whole(response, b"".join(response))
    if isinstance(response, StreamingHttpResponse):
        return EndOnDatabaseLoss(response)
    if not isinstance(response, HttpResponse):
        return response  # type: ignore[no-any-return]
    if len(response.content) > ONE_PIECE:
        return InPieces(response)
    return _whole(response, response.content)


def _whole(response: Any, content: bytes) -> list[bytes]:
    response.close()
    return [content]


def _length(response: FileResponse) -> int:
    return int(response.get("Content-Length") or 0)


from observers.pages.warming import start_warming  # noqa: E402 - Django must be set up first

start_warming()
