"""Shared base of the endpoints that speak other products' protocols.

Each answers in its protocol's own form, refusals too; limits, log lines and counts are those of the
API. A token is always required, in whichever form the protocol's senders show it.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from events.api.authentication import BearerAuthentication, agent_of
from events.api.problems import RETRY_SECONDS, Refused, note, refusal
from events.api.rendering import OrjsonRenderer
from events.api.shippers.ingest import note_partial, run
from events.api.shippers.intake import Intake, Outcome, Read
from events.api.shippers.mapping import Ids, TokenMapping
from events.api.throttling import hold_stranger
from events.api.views import ApiView

HALTED_RETRY_SECONDS = 60
"""Retry-After, in seconds, where the time of recovery is unknown."""


class ShipperAuthentication(BearerAuthentication):
    """Accepts a token as `Bearer`, `Splunk`, `ApiKey`, or the password of `Basic`."""

    def authenticate(self, request: Request) -> Any:
        """Return the service user and the token; None if the request has none.

        Raises:
            AuthenticationFailed: the token is not accepted.
        """
        shown = shown_token(request._request)
        if shown is None:
            return None
        return self.authenticate_credentials(shown.encode("ascii", "replace"))


def shown_token(request: HttpRequest) -> str | None:
    """Return the token in the header; "" if the header's form is unknown."""
    header = str(request.META.get("HTTP_AUTHORIZATION", "")).strip()
    if not header:
        return None
    scheme, _, value = header.partition(" ")
    scheme, value = scheme.lower(), value.strip()
    if scheme == "basic":
        return _decoded(value)
    if scheme == "apikey":
        return value if value.isalnum() and ":" not in _text(value) else _decoded(value)
    return value if scheme in ("bearer", "splunk") else ""


def _decoded(value: str) -> str:
    """Return the secret in base64 of `name:secret`."""
    return _text(value).partition(":")[2]


def _text(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


class WritesAsAgent(BasePermission):
    """Requires an agent's token, also for health checks."""

    message = "this token may only read; shipping needs one that is bound to an agent"

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True if this request is permitted."""
        return agent_of(request) is not None


class ShipperView(ApiView):
    """An endpoint in another product's protocol."""

    authentication_classes = [ShipperAuthentication]
    permission_classes = [WritesAsAgent]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """The protocol decides the form of a response."""
        return OrjsonRenderer(), OrjsonRenderer.media_type

    def handle_exception(self, exc: Exception) -> Any:
        """Answer a refusal in the protocol's form, logged and counted as any other."""
        if isinstance(exc, AuthenticationFailed):
            try:
                hold_stranger(self.request)
            except Refused as too_often:
                exc = too_often
        refused = refusal(exc)
        request = self.request._request
        note(refused, request, exc)
        answer = self.refuse(refused, request)
        for name, value in refused.headers.items():
            answer.headers.setdefault(name, value)
        if refused.problem.status == 503:
            answer.headers.setdefault("Retry-After", str(HALTED_RETRY_SECONDS))
        if refused.problem.status == 429:
            answer.headers.setdefault("Retry-After", str(RETRY_SECONDS))
        return answer

    def refuse(self, refused: Refused, request: HttpRequest) -> HttpResponse:
        """Build the protocol's response to a refused request."""
        raise NotImplementedError


def mapping_of(request: Request) -> TokenMapping:
    """Return the mapping of the request's token, which is an agent's by then."""
    token: Any = request.auth
    return TokenMapping.of(token)


def deliver(
    request: HttpRequest,
    mapping: TokenMapping,
    ids: Ids,
    count: int,
    read: Read,
    *,
    each: bool = False,
) -> Outcome:
    """Write the valid records; `each`: keep the outcome of every one.

    Raises:
        Refused: the ledger takes no more.
    """
    outcome = Outcome(count, [None] * count if each else None)
    run(Intake(mapping, ids, outcome), read)
    note_partial(request, outcome)
    return outcome


def as_json(content: Any, status: int = 200) -> HttpResponse:
    """Build a JSON response."""
    return HttpResponse(
        orjson.dumps(content), status=status, content_type=OrjsonRenderer.media_type
    )
