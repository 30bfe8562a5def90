"""The page of the HTTP API: Swagger UI inside the portal."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from events.access.view_marks import no_second_factor, not_logged

DIST = "drf_spectacular_sidecar/swagger-ui-dist"


@not_logged
@no_second_factor
@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Shows the API description to everybody; the banner only to readers of the ledger."""
    response = render(request, "api/docs.html", {"dist": DIST})
    response["Cache-Control"] = "private, no-store"
    return response
