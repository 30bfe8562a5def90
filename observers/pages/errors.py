"""Error pages.

Invariant: rendering them runs no query, because the database may be the cause of the error.
"""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from events.access.request_context import request_id
from events.store.connection import AWAY

RETRY_AFTER_SECONDS = "10"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: the request is malformed."""
    return render(request, "400.html", status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: this account may not see it."""
    return render(request, "403.html", status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the CSRF token is missing, foreign or too old."""
    return render(request, "403_csrf.html", status=403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: the page does not exist."""
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """503 when the database is unavailable, otherwise 500; both show the request id of the log."""
    context = {"plain": True, "request_id": request_id(request)}
    if not isinstance(sys.exc_info()[1], AWAY):
        return render(request, "500.html", context, status=500)
    response = render(request, "503.html", context, status=503)
    response["Retry-After"] = RETRY_AFTER_SECONDS
    return response
