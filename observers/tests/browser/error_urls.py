"""The portal's routes, and a test-only one for each page that needs an error or a form to
appear."""

from __future__ import annotations

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from auditportal import urls
from events.store.connection import LedgerUnavailableError
from observers.pages.account import CodeForm
from observers.pages.errors import csrf_failure

handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500


def fail(request: HttpRequest, status: int) -> HttpResponse:
    """Raise what the portal answers with a page of this status."""
    failures: dict[int, Exception] = {
        400: BadRequest("on purpose"),
        403: PermissionDenied("on purpose"),
        500: RuntimeError("on purpose"),
        503: LedgerUnavailableError("on purpose"),
    }
    raise failures[status]


def show(request: HttpRequest, template: str, **context: object) -> HttpResponse:
    """A page that only an answer to a form shows."""
    return render(request, template, context)


CODES = ["abcdefghjkmnp"] * 10
urlpatterns = [
    path("errors/429/", show, {"template": "429.html", "seconds": 20}),
    path("errors/locked/", show, {"template": "429.html", "minutes": 15, "failures": 5}),
    path(
        "errors/recovery/", show, {"template": "recovery_codes.html", "codes": CODES, "next": "/"}
    ),
    path("errors/second/", show, {"template": "second_factor.html", "form": CodeForm()}),
    path("errors/<int:status>/", fail),
    path("errors/csrf/", csrf_failure),
    *urls.urlpatterns,
]
