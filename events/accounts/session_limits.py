"""Ends sessions that are idle too long or too old.

Requests that a page makes by itself do not prolong a session.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout, user_logged_in
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils import timezone

from events.access.request_context import name_account
from events.access.view_marks import Mark, has_mark

BEGAN, USED = "began_at", "used_at"
MINUTE = 60


class SessionLimitsMiddleware:
    """Checks the two times that a signed-in session carries; writes one at most once a minute."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            name_account(request, request.user.pk)
            _hold(request)
        return self.get_response(request)


def _hold(request: HttpRequest) -> None:
    now, session = int(time.time()), request.session
    began, used = session.get(BEGAN), session.get(USED)
    if began is None or used is None:
        session[BEGAN], session[USED] = now, now
    elif now - began > settings.SESSION_COOKIE_AGE or now - used > settings.PORTAL_IDLE_SECONDS:
        logout(request)
    elif now - used >= MINUTE and not _by_itself(request):
        session[USED] = now


def _by_itself(request: HttpRequest) -> bool:
    """Return True for a background request; resolves the address, as no view is known yet."""
    try:
        return has_mark(resolve(request.path_info).func, Mark.POLLED)
    except Resolver404:
        return False


def _begin(request: HttpRequest, **_: object) -> None:
    """Restart both times at sign-in, also inside an existing session."""
    request.session[BEGAN] = request.session[USED] = int(time.time())


user_logged_in.connect(_begin)


def end_sessions(account: User) -> int:
    """End every session of an account and return how many there were.

    Session rows name their account only inside, so all are read: for a person's click or an
    administrator's command, not for a request.
    """
    theirs = [
        session.pk
        for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator()
        if session.get_decoded().get("_auth_user_id") == str(account.pk)
    ]
    Session.objects.filter(pk__in=theirs).delete()
    return len(theirs)
