"""The admin as a part of the portal: its words, and its refusal of what no database can hold.

It lies outside `events.admin`, which registers its pages with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

SECTIONS = {"auth": "Accounts and groups", "events": "Ledger"}
"""What the portal calls the parts of its admin."""


class PortalAdminSite(AdminSite):
    """Every page of the admin goes through `admin_view`."""

    site_title = site_header = "Audit Portal"
    index_title = "Admin"

    def admin_view(
        self, view: Callable[..., HttpResponseBase], cacheable: bool = False
    ) -> Any:  # a view, for which the stubs have a private name
        inner = super().admin_view(view, cacheable)

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            field = _unreadable(request, kwargs)
            if field is not None:
                return render(request, "400.html", {"field": field}, status=400)
            return inner(request, *args, **kwargs)

        return update_wrapper(checked, inner)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        found = super().get_app_list(request, app_label)
        for app in found:
            app["name"] = SECTIONS.get(app["app_label"], app["name"])
        return found


def _unreadable(request: HttpRequest, path: Mapping[str, Any]) -> str | None:
    """The field of the address that holds a null character, which no text of PostgreSQL can; None
    when there is none. Forms look at their fields themselves. `_00` is how the admin writes it."""
    for name, values in request.GET.lists():
        for value in (name, *values):
            if "\0" in value:
                return name.replace("\0", "") or "an empty name"
    for name, value in path.items():
        if isinstance(value, str) and ("\0" in value or "_00" in value):
            return name
    return None
