"""Authentication and read scope of API requests.

A caller is an agent's token, a reading token, a signed-in reader, or anonymous. Tokens are cached
per process by digest, never in clear; expiry is checked on every request, and a token revoked by
another process is refused after `TRUST_SECONDS` at most.

Invariant: a view that does not say how it narrows its rows is closed to callers who may read only
their own agent's events.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import Any, Protocol, TypeVar

from django.conf import settings
from django.db.models.signals import post_delete, post_save
from django.utils import timezone
from knox.auth import TokenAuthentication
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from events.accounts.roles import READ, may
from events.accounts.second_factor import is_through
from events.api.problems import FORBIDDEN, Refused
from events.models import ApiToken, Reads
from events.store.connection import named_errors


class Narrowable(Protocol):
    """A filter that can be narrowed to an agent."""

    @property
    def agent_id(self) -> str | None:
        """The agent whose rows pass; None lets every one pass."""


F = TypeVar("F", bound=Narrowable)


def only_agent(request: Request) -> str | None:
    """Return the agent whose events alone the caller may read; None means all agents."""
    return request.auth.only_agent if isinstance(request.auth, ApiToken) else None


def refusal_to_read(request: Request, *, narrows: bool) -> str:
    """Return why the caller may not read here, or "" if reading is allowed.

    `narrows`: this view can limit its rows to one agent.
    """
    token = request.auth
    if isinstance(token, ApiToken):
        if token.reads == Reads.NOTHING:
            return "this token may only write"
        if token.reads == Reads.OWN and not narrows:
            return (
                f"this token may only read the events of {token.agent_id}; "
                "this address shows events of others too"
            )
        return ""
    if settings.PORTAL_PUBLIC_READING or may(request.user, READ):
        return ""
    return "this account may not read the ledger"


def narrow(request: Request, chosen: F) -> F:
    """Restrict the filter to what the caller may see.

    Raises:
        Refused: another agent's events, or the system's, were asked for by name.
    """
    own = only_agent(request)
    if own is None:
        return chosen
    if chosen.agent_id not in (None, own) or getattr(chosen, "system", None):
        raise Refused(FORBIDDEN, f"this token may only read the events of {own}")
    return replace(chosen, agent_id=own)  # type: ignore[type-var]


FRESH_SECONDS = 1.0
"""After this, the next request renews the entry; concurrent ones do not wait for it."""

TRUST_SECONDS = 3.0
"""After this, requests wait for a look-up of their own, even if the database is slow to answer a
renewal that is under way."""

MAX_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class _Entry:
    user: Any
    token: ApiToken
    seen_at: float
    renewal: threading.Lock = field(default_factory=threading.Lock)

    def may_serve(self, now: float) -> bool:
        """True while fresh, or while another request is renewing an entry that is still trusted."""
        age = now - self.seen_at
        return age < FRESH_SECONDS or (age < TRUST_SECONDS and not self.renewal.acquire(False))


class TokenCache:
    """Cache of recently used tokens in this process, keyed by digest."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[bytes, _Entry] = {}
        self._cleared = 0

    def find(self, token: bytes, look_up: Callable[[bytes], Any]) -> tuple[Any, ApiToken]:
        """Return the user and the token from the cache, or from `look_up`.

        An exception of `look_up` propagates and drops the cached entry.
        """
        digest = hashlib.sha256(token).digest()
        known = self._entries.get(digest)
        if known is not None and known.may_serve(self._clock()):
            return known.user, known.token
        asked_at = self._clock()  # before the look-up: what changes during it is not trusted longer
        cleared = self._cleared
        try:
            user, found = look_up(token)
        except Exception:
            self._entries.pop(digest, None)
            raise
        if len(self._entries) >= MAX_TOKENS:
            self._entries.clear()
        if cleared == self._cleared:  # a look-up from before the revocation must not outlive it
            self._entries[digest] = _Entry(user, found, asked_at)
        return user, found

    def clear(self, **_: Any) -> None:
        """Clear the cache (a signal receiver)."""
        self._cleared += 1
        self._entries.clear()


MAX_TOKEN_LENGTH = 200

_tokens = TokenCache()
# A token revoked by this process, in the admin, is refused at once.
post_save.connect(_tokens.clear, sender=ApiToken)
post_delete.connect(_tokens.clear, sender=ApiToken)


class BearerAuthentication(TokenAuthentication):  # type: ignore[misc]
    """`Authorization: Bearer <token>` (RFC 6750)."""

    def authenticate(self, request: Request) -> Any:
        """Return the service user and the token; None if the header uses another scheme.

        Raises:
            AuthenticationFailed: the header is malformed, or the token is not accepted.
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
        user, known = _tokens.find(token, self._look_up)
        if known.expiry is not None and known.expiry < timezone.now():
            raise AuthenticationFailed(
                f"This token expired at {known.expiry.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}."
            )
        return user, known

    def _look_up(self, token: bytes) -> Any:
        with named_errors():
            return super().authenticate_credentials(token)

    def _cleanup_token(self, auth_token: ApiToken) -> bool:
        """Do nothing: expiry is checked on every request, cached or not.

        The library's version checks every other token of the user and deletes the expired ones; all
        our tokens belong to one user.
        """
        return False


class ReaderSession(BaseAuthentication):
    """Session authentication for signed-in readers, so that the portal's pages can link here.

    No CSRF check is needed: a session may only read, see `ReadOrWriteAsAgent`.
    """

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """Return the session's user if signed in completely and allowed to read."""
        with named_errors():
            user = getattr(request._request, "user", None)
            return (user, None) if may(user, READ) and is_through(user) else None


class ReadOrWriteAsAgent(BasePermission):
    """Readers may read; only a token bound to an agent may write, as that agent."""

    message = "this token may only read; writing needs a token that is bound to an agent"

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True if this request is permitted."""
        known = bool(request.user and request.user.is_authenticated)
        if request.method not in SAFE_METHODS:
            if known and request.auth is None:
                self.message = "there is no token; writing needs one bound to an agent"
            return known and agent_of(request) is not None
        if not (known or settings.PORTAL_PUBLIC_READING):
            return False
        self.message = refusal_to_read(request, narrows=view.narrows)
        return not self.message


def agent_of(request: Request) -> str | None:
    """Return the agent that the request's token is bound to, if any."""
    return request.auth.agent_id if isinstance(request.auth, ApiToken) else None
