"""The portal's addresses, and one for each error page. It must never be served outside tests."""

from __future__ import annotations

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path

from auditportal import urls
from events.store.connection import LedgerUnavailableError
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


urlpatterns = [
    path("errors/<int:status>/", fail),
    path("errors/csrf/", csrf_failure),
    *urls.urlpatterns,
]
