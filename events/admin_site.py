"""The admin site of the portal: its titles, and the refusal of null characters.

Separate from `events.admin`, which registers its pages with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from events.access.view_marks import no_second_factor, not_logged

SECTIONS = {"auth": "Accounts and groups", "events": "Ledger"}
"""The portal's titles for the sections of the admin."""


class PortalAdminSite(AdminSite):
    """Admin site whose views all pass through `admin_view`."""

    site_title = site_header = "Audit Portal"
    index_title = "Admin"

    def admin_view(
        self, view: Callable[..., HttpResponseBase], cacheable: bool = False
    ) -> Any:  # a view; the stubs' type for it is private
        inner = super().admin_view(view, cacheable)

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            field = _unreadable(request, kwargs)
            if field is not None:
                return render(request, "400.html", {"field": field}, status=400)
            return inner(request, *args, **kwargs)

        return update_wrapper(checked, inner)

    @not_logged
    @no_second_factor
    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().logout(request, extra_context)

    @not_logged
    def i18n_javascript(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        return super().i18n_javascript(request, extra_context)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        found = super().get_app_list(request, app_label)
        for app in found:
            app["name"] = SECTIONS.get(app["app_label"], app["name"])
        return found


def _unreadable(request: HttpRequest, path: Mapping[str, Any]) -> str | None:
    """The name of the URL field that holds a null character, which PostgreSQL cannot store, or
    None.

    Forms check their own fields. The admin writes the character as `_00` in paths.
    """
    for name, values in request.GET.lists():
        for value in (name, *values):
            if "\0" in value:
                return name.replace("\0", "") or "an empty name"
    for name, value in path.items():
        if isinstance(value, str) and ("\0" in value or "_00" in value):
            return name
    return None
