"""Middleware that skips work for API requests, and sets the Content-Security-Policy.

Sessions, CSRF checks, authentication and messages are skipped for API requests without a session
cookie. The policy is built once per process.

Invariant: a request with a session cookie passes every check.
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
    """True for a request to an API address without a session cookie."""
    return (
        request.path_info.startswith(MACHINES)
        and settings.SESSION_COOKIE_NAME not in request.COOKIES
    )


class _ForPeople(MiddlewareMixin):
    """Skips a middleware for API requests."""

    def __call__(self, request: HttpRequest) -> Any:
        if is_of_a_machine(request):
            return self.get_response(request)
        return super().__call__(request)


class ApiSkippingSessionMiddleware(_ForPeople, SessionMiddleware):
    """Loads the session by cookie."""


class ApiSkippingCsrfMiddleware(_ForPeople, CsrfViewMiddleware):
    """Refuses forms of other sites. `process_view` is not skipped, since it is cheap."""


class ApiSkippingAuthMiddleware(_ForPeople, AuthenticationMiddleware):
    """Sets `request.user`; for API requests the API's authentication does."""


class ApiSkippingMessageMiddleware(_ForPeople, MessageMiddleware):
    """Stores messages for the next page."""


class ContentPolicyMiddleware(CSPMiddleware):
    """django-csp's middleware with a cached policy."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Set the cached policy, unless the response needs a nonce or a policy of its own."""
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
