"""Who may act for the ledger from a page. It must never be the only guard: what takes a ceremony
takes signatures, whoever presses the button."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

View = Callable[..., HttpResponse]


def operator_required(view: View) -> View:
    """Let only operators in; strangers are asked to log in."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not may_operate(request):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return login_required(guarded)


def may_operate(request: HttpRequest) -> bool:
    """Whether the account of this request is an operator's."""
    return bool(request.user.is_active and request.user.is_staff)
