"""Error handlers for requests that reach no view: problem details under `/api/`, pages elsewhere.

Invariant: the API's handlers do not use the database, which may be the cause of the error.
"""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse

from events.api.problems import BAD_REQUEST, FORBIDDEN, NOT_FOUND, Refused, refusal, respond
from observers.pages import errors as pages


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answers 400, for instance for an unknown Host."""
    if not _is_api(request):
        return pages.bad_request(request, exception)
    return respond(Refused(BAD_REQUEST, f"refused as {type(exception).__name__}"), request)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answers 403."""
    if not _is_api(request):
        return pages.permission_denied(request, exception)
    return respond(Refused(FORBIDDEN, FORBIDDEN.title), request)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answers 404: no such address."""
    if not _is_api(request):
        return pages.page_not_found(request, exception)
    nowhere = "no such address; /api/schema describes all of them"
    return respond(Refused(NOT_FOUND, nowhere), request)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answers 500, or 503 when the database is away, for errors raised outside an API view."""
    if not _is_api(request):
        return pages.server_error(request)
    error = sys.exc_info()[1]
    cause = error if isinstance(error, Exception) else RuntimeError("an unknown error")
    return respond(refusal(cause), request, cause)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")
