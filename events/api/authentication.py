"""Who asks: a bearer token bound to an agent or to reading, a signed-in reader, or anybody.

It must never write: a token that has expired is refused, not deleted.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django.conf import settings
from django.db.models.signals import post_delete, post_save
from django.utils import timezone
from knox.auth import TokenAuthentication
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from events.accounts.rights import READ, may
from events.accounts.second_factor import is_through
from events.api.scope import refusal_to_read
from events.api.token_memory import TokenMemory
from events.models import ApiToken
from events.store.connection import named_errors

MAX_TOKEN_LENGTH = 200

_memory = TokenMemory()
# What this process revokes itself, in the admin, holds here at once.
post_save.connect(_memory.forget_all, sender=ApiToken)
post_delete.connect(_memory.forget_all, sender=ApiToken)


class BearerAuthentication(TokenAuthentication):  # type: ignore[misc]
    """`Authorization: Bearer <token>` (RFC 6750)."""

    def authenticate(self, request: Request) -> Any:
        """The service user and the token; None where the header is for somebody else.

        Raises:
            AuthenticationFailed: the header is malformed, or the token is not taken.
        """
        words = request._request.META.get("HTTP_AUTHORIZATION", "").split()
        if len(words) == 2 and words[0].lower() == "bearer":
            return self.authenticate_credentials(words[1].encode("ascii", "replace"))
        return super().authenticate(request)

    def authenticate_credentials(self, token: bytes) -> Any:
        """The service user and the token.

        Raises:
            AuthenticationFailed: no such token, or it has expired.
        """
        if len(token) > MAX_TOKEN_LENGTH or not token.isalnum():
            raise AuthenticationFailed("Invalid token.")
        user, known = _memory.find(token, self._look_up)
        if known.expiry is not None and known.expiry < timezone.now():
            raise AuthenticationFailed(
                f"This token expired at {known.expiry.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}."
            )
        return user, known

    def _look_up(self, token: bytes) -> Any:
        with named_errors():
            return super().authenticate_credentials(token)

    def _cleanup_token(self, auth_token: ApiToken) -> bool:
        """Never: expiry is looked at on every request, remembered or not. The library's own looks
        at every other token of the user and deletes the expired ones; all ours belong to one."""
        return False


class ReaderSession(BaseAuthentication):
    """Somebody who is signed in and may read, so that the portal's pages can link here.

    CSRF needs no look: a session may only read, see `ReadOrWriteAsAgent`.
    """

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """The user of the session, if he is through the door and may read."""
        with named_errors():
            user = getattr(request._request, "user", None)
            return (user, None) if may(user, READ) and is_through(user) else None


class ReadOrWriteAsAgent(BasePermission):
    """Whoever may read reads; only a token bound to an agent writes, as that agent."""

    message = "this token may only read; writing needs a token that is bound to an agent"

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether this request may go on."""
        known = bool(request.user and request.user.is_authenticated)
        if request.method not in SAFE_METHODS:
            if known and request.auth is None:
                self.message = "there is no token; writing needs one that is bound to an agent"
            return known and agent_of(request) is not None
        if not (known or settings.PORTAL_PUBLIC_READING):
            return False
        self.message = refusal_to_read(request, narrows=view.narrows)
        return not self.message


def agent_of(request: Request) -> str | None:
    """The agent that the request's token is bound to, if any."""
    return request.auth.agent_id if isinstance(request.auth, ApiToken) else None
