"""The Content-Security-Policy of every answer, put together once and not for each of them.

It must never answer without a policy, nor give one answer the exception that another asked for.
"""

from __future__ import annotations

from functools import cached_property

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase


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
