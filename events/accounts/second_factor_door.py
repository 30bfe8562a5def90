"""Keeps whoever still owes a second factor out of everything but the pages where it is shown.

It must never let a new address in by itself: what is open is named here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse

from events.access.addresses import MACHINES
from events.accounts.second_factor import is_set_up, is_through

OPEN = frozenset(
    {
        "second-factor",
        "set-up-second-factor",
        "login",
        "logout",
        "admin:login",
        "admin:logout",
        "api-schema",
        "api-docs",
        "healthz",
        "readyz",
        "metrics",
    }
)


class SecondFactorMiddleware:
    """Sends people on; never a machine, whose token is all it has."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Where to show or set up the second factor; None where that is not owed."""
        match = request.resolver_match
        # The API sees to itself: there a half signed-in session is nobody.
        if request.path.startswith(MACHINES) or (match and match.view_name in OPEN):
            return None
        user = request.user
        if not user.is_authenticated or is_through(user):
            return None
        name = "second-factor" if is_set_up(user) else "set-up-second-factor"
        onward = request.get_full_path() if request.method == "GET" else "/"
        return HttpResponseRedirect(f"{reverse(name)}?{urlencode({'next': onward})}")
