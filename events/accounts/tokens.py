"""Creates, finds and revokes tokens of the HTTP API.

A token is shown once; only its digest is stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

import structlog
from django.contrib.auth.models import User
from knox.settings import CONSTANTS

from events.accounts.roles import SERVICE_USER
from events.errors import LedgerError
from events.models import ApiToken, Reads

log = structlog.get_logger(__name__)

MAX_DAYS = 36500
KNOWN_BY: int = CONSTANTS.TOKEN_KEY_LENGTH
"""Length of the prefix that identifies a token; the other characters stay secret."""

_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


class TokenError(LedgerError):
    """A token cannot be created or found as asked."""


def issue(
    *,
    agent_id: str | None,
    reads: Reads,
    lifetime: timedelta | None = None,
    records: Mapping[str, str | None] | None = None,
) -> tuple[ApiToken, str]:
    """Create a token; return its record and the token itself.

    `records` are its columns that say how log shippers' records become events.

    Raises:
        TokenError: the service account is not fit to own it.
    """
    record, token = ApiToken.objects.create(
        service_user(), expiry=lifetime, agent_id=agent_id, reads=reads, **(records or {})
    )
    log.info("token_issued", agent_id=agent_id, reads=reads.value, token_key=record.token_key)
    return record, token


def revoke(record: ApiToken, *, by: str) -> None:
    """Revoke a token. What was written and read with it stays recorded under its prefix."""
    log.warning("token_revoked", token_key=record.token_key, agent_id=record.agent_id, by=by)
    record.delete()


def find(text: str) -> ApiToken:
    """Find a token by its beginning; a whole token is accepted too.

    Raises:
        TokenError: there is none, or more than one.
    """
    if len(text) < KNOWN_BY:
        raise TokenError(
            f"give the first {KNOWN_BY} characters of the token, as `tokens` lists them"
        )
    found = list(ApiToken.objects.filter(token_key=text[:KNOWN_BY])[:2])
    if len(found) != 1:
        raise TokenError(
            f"{'more than one token begins' if found else 'no token begins'} with these characters"
        )
    token: ApiToken = found[0]
    return token


def parse_lifetime(text: str) -> timedelta:
    """Parse `30d`, `12h`, `45m`, or `30` for days.

    Raises:
        TokenError: it is malformed, or not between a minute and a hundred years.
    """
    found = re.fullmatch("([0-9]{1,8})([dhm]?)", text)
    if not found:
        raise TokenError(f"{text!r} is not a duration such as 30d, 12h or 45m")
    lifetime = timedelta(**{_UNITS[found[2] or "d"]: int(found[1])})
    if not timedelta(minutes=1) <= lifetime <= timedelta(days=MAX_DAYS):
        raise TokenError(f"{text!r} is not between 1m and {MAX_DAYS}d")
    return lifetime


def service_user() -> User:
    """Return the account that owns all tokens; nobody can sign in with it.

    Raises:
        TokenError: it is a person's, or switched off.
    """
    user, created = User.objects.get_or_create(username=SERVICE_USER)
    if created:
        user.set_unusable_password()
        user.save()
    elif user.is_staff or user.is_superuser or user.has_usable_password():
        raise TokenError(
            f"the account {SERVICE_USER!r} belongs to a person; API tokens need an account of "
            "this name"
        )
    if not user.is_active:
        raise TokenError(f"the account {SERVICE_USER!r} is disabled, and with it every token")
    return user
