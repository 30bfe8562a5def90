"""Spares the requests of machines what only the requests of people need: session, CSRF, messages.

It must never spare a request that carries a session: whoever is signed in is checked like anybody.

The Content-Security-Policy of every answer, put together once and not for each of them.

It must never answer without a policy, nor give one answer the exception that another asked for.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.deprecation import MiddlewareMixin

from events.access.request_context import MACHINES


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


class ApiSkippingSessionMiddleware(_ForPeople, SessionMiddleware):
    """Who is signed in, by cookie."""


class ApiSkippingCsrfMiddleware(_ForPeople, CsrfViewMiddleware):
    """No form of another site. Its look at the view is not spared: it costs nothing."""


class ApiSkippingAuthMiddleware(_ForPeople, AuthenticationMiddleware):
    """`request.user`; at a machine's request the API's own authentication sets it."""


class ApiSkippingMessageMiddleware(_ForPeople, MessageMiddleware):
    """What the next page is to say."""


class ContentPolicyMiddleware(CSPMiddleware):
    """django-csp's middleware, which otherwise builds the same text for every answer."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """What asks for a nonce or a policy of its own is left to django-csp."""
        if self._is_ordinary(request, response):
            response.headers[HEADER] = self._policy
            return response
        return super().process_response(request, response)

    @cached_property
    def _policy(self) -> str:
        return build_policy()

    @staticmethod
    def _is_ordinary(request: HttpRequest, response: HttpResponseBase) -> bool:
        if settings.DEBUG or HEADER in response.headers:
            return False
        return not any(name.startswith("_csp_") for name in (*vars(response), *vars(request)))
