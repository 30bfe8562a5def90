"""Access control for pages.

Invariant: every view of the portal is wrapped by one of these decorators.
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
    """True when the user has the right to read, or when reading is public."""
    return bool(settings.PORTAL_PUBLIC_READING) or may(request.user, READ)


def require_reader(view: View[R]) -> Callable[..., R | HttpResponseBase]:
    """Restricts a view to readers of the ledger."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> R | HttpResponseBase:
        return view(request, *args, **kwargs) if may_read(request) else _refuse(request)

    return guarded


def require_right(right: str) -> Callable[[View[R]], Callable[..., R | HttpResponseBase]]:
    """Restricts a view to users with `right`, also when reading is public."""

    def guard(view: View[R]) -> Callable[..., R | HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> R | HttpResponseBase:
            if not may(request.user, right):
                return _refuse(request)
            return view(request, *args, **kwargs)

        return guarded

    return guard


def _refuse(request: HttpRequest) -> HttpResponseBase:
    """Redirects anonymous users to the login page; answers 403 to others."""
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.get_full_path())


def page_permissions(request: HttpRequest) -> dict[str, Callable[[], object]]:
    """Context processor: whether the user may read, and the sections of the navigation.

    Both are lazy: error pages must render without a database.
    """
    return {
        "may_read": lambda: hasattr(request, "user") and may_read(request),
        "sections": lambda: sections(request),
    }
