"""Renders a page of the portal. It must never be given anything that has not been read already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from observers.pages.standing import Outlook


def render_page(
    request: HttpRequest,
    template: str,
    outlook: Outlook,
    context: Mapping[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    """A page with the banner of the ledger's standing; never kept by a cache on the way."""
    response = render(request, template, {"outlook": outlook, **context}, status=status)
    response["Cache-Control"] = "private, no-store"
    return response
