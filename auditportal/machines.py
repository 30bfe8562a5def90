"""Spares the requests of machines what only the requests of people need: session, CSRF, messages.

It must never spare a request that carries a session: whoever is signed in is checked like anybody.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.deprecation import MiddlewareMixin

from events.access.addresses import MACHINES


def is_of_a_machine(request: HttpRequest) -> bool:
    """Whether nobody is signed in, at an address that is asked with a token and takes no form."""
    return (
        request.path_info.startswith(MACHINES)
        and settings.SESSION_COOKIE_NAME not in request.COOKIES
    )


class _ForPeople(MiddlewareMixin):
    """Steps aside for machines."""

    def __call__(self, request: HttpRequest) -> Any:
        if is_of_a_machine(request):
            return self.get_response(request)
        return super().__call__(request)


class Sessions(_ForPeople, SessionMiddleware):
    """Who is signed in, by cookie."""


class Forms(_ForPeople, CsrfViewMiddleware):
    """No form of another site. Its look at the view is not spared: it costs nothing."""


class Accounts(_ForPeople, AuthenticationMiddleware):
    """`request.user`; at a machine's request the API's own authentication sets it."""


class Messages(_ForPeople, MessageMiddleware):
    """What the next page is to say."""
