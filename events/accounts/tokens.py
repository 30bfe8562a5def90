"""Tokens of the HTTP API: made, found, withdrawn.

It must never keep a token: only a digest is kept, and the token is given out once.
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
"""Characters at the beginning of a token by which it is known; the others stay secret."""

_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


class TokenError(LedgerError):
    """A token cannot be made or found as was asked."""


def issue(
    *,
    agent_id: str | None,
    reads: Reads,
    lifetime: timedelta | None = None,
    records: Mapping[str, str | None] | None = None,
) -> tuple[ApiToken, str]:
    """A new token's record, and the token itself. `records` are its columns that say how records
    of log shippers become events.

    Raises:
        TokenError: the service account is not fit to own it.
    """
    record, token = ApiToken.objects.create(
        service_user(), expiry=lifetime, agent_id=agent_id, reads=reads, **(records or {})
    )
    log.info("token_issued", agent_id=agent_id, reads=reads.value, token_key=record.token_key)
    return record, token


def revoke(record: ApiToken, *, by: str) -> None:
    """Withdraw a token. What was written and read with it stays recorded under its beginning."""
    log.warning("token_revoked", token_key=record.token_key, agent_id=record.agent_id, by=by)
    record.delete()


def find(text: str) -> ApiToken:
    """The token that begins so; a whole token is taken too.

    Raises:
        TokenError: there is none, or more than one.
    """
    if len(text) < KNOWN_BY:
        raise TokenError(f"a token is named by its first {KNOWN_BY} characters, as listed")
    found = list(ApiToken.objects.filter(token_key=text[:KNOWN_BY])[:2])
    if len(found) != 1:
        raise TokenError(f"{'two tokens begin' if found else 'no token begins'} so")
    token: ApiToken = found[0]
    return token


def parse_lifetime(text: str) -> timedelta:
    """`30d`, `12h`, `45m`, or `30` for days.

    Raises:
        TokenError: nothing of the kind, or not between a minute and a hundred years.
    """
    found = re.fullmatch("([0-9]{1,8})([dhm]?)", text)
    if not found:
        raise TokenError(f"{text!r} is no time such as 30d, 12h or 45m")
    lifetime = timedelta(**{_UNITS[found[2] or "d"]: int(found[1])})
    if not timedelta(minutes=1) <= lifetime <= timedelta(days=MAX_DAYS):
        raise TokenError(f"{text!r} is not between 1m and {MAX_DAYS}d")
    return lifetime


def service_user() -> User:
    """The account that all tokens belong to; nobody can sign in with it.

    Raises:
        TokenError: it is a person's, or switched off.
    """
    user, created = User.objects.get_or_create(username=SERVICE_USER)
    if created:
        user.set_unusable_password()
        user.save()
    elif user.is_staff or user.is_superuser or user.has_usable_password():
        raise TokenError(
            f"the account {SERVICE_USER!r} is a person's; API tokens need this name for themselves"
        )
    if not user.is_active:
        raise TokenError(f"the account {SERVICE_USER!r} is switched off, and every token with it")
    return user
