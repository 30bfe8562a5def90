"""Who may come in to which page.

It must never show a page before it was looked at whose it is: every view of the portal stands
behind one of these doors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from events.accounts.roles import READ, may
from observers.pages.rendering import sections

R = TypeVar("R", bound=HttpResponseBase)
View = Callable[..., R]


def may_read(request: HttpRequest) -> bool:
    """Whether whoever asks may read the ledger: by a right, or because everybody may."""
    return bool(settings.PORTAL_PUBLIC_READING) or may(request.user, READ)


def require_reader(view: View[R]) -> Callable[..., R | HttpResponseBase]:
    """The page shows the ledger."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> R | HttpResponseBase:
        return view(request, *args, **kwargs) if may_read(request) else _turn_away(request)

    return guarded


def require_right(right: str) -> Callable[[View[R]], Callable[..., R | HttpResponseBase]]:
    """The page needs a right of its own, in public too."""

    def guard(view: View[R]) -> Callable[..., R | HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> R | HttpResponseBase:
            if not may(request.user, right):
                return _turn_away(request)
            return view(request, *args, **kwargs)

        return guarded

    return guard


def _turn_away(request: HttpRequest) -> HttpResponseBase:
    """Strangers to the door, everybody else is told."""
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.get_full_path())


def doors(request: HttpRequest) -> dict[str, Callable[[], object]]:
    """For templates: whether the ledger is open to whoever looks, and its sections. Found when
    they are asked for: the page that says that the database is away does not ask."""
    return {
        "may_read": lambda: hasattr(request, "user") and may_read(request),
        "sections": lambda: sections(request),
    }
