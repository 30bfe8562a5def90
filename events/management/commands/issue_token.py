"""`issue_token`: make a token for the HTTP API and print it, once.

It must never print anything else on standard output, nor keep the token: only a digest is kept.
"""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from events.composition import signing_service
from events.errors import LedgerError, NoActiveKeyError
from events.models import ApiToken
from events.submission import MAX_NAME

log = structlog.get_logger(__name__)

SERVICE_USER = "api"
MAX_DAYS = 36500


class Command(BaseCommand):
    """Make a token that writes as one agent, or one that only reads."""

    help = "Print a new token for the HTTP API, alone on standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--agent", metavar="NAME", help="may write as this agent, and read")
        whose.add_argument("--observer", action="store_true", help="may only read")
        parser.add_argument("--expires", metavar="DAYS", type=int, help="not valid after so long")

    def handle(self, *args: Any, **options: Any) -> None:
        agent: str | None = None if options["observer"] else _checked_name(options["agent"])
        lifetime = _lifetime(options["expires"])
        owner = _service_user()
        if agent is not None:
            self._ensure_key(agent)
        issued, token = ApiToken.objects.create(owner, expiry=lifetime, agent_id=agent)
        log.info("token_issued", agent_id=agent, token_key=issued.token_key[:6])
        self.stderr.write(_said(agent, issued))
        self.stdout.write(token)

    def _ensure_key(self, agent: str) -> None:
        """A token of an agent without key could write nothing."""
        signing = signing_service()
        try:
            signing.active_key(agent)
        except NoActiveKeyError:
            try:
                key_id = signing.create_key(agent)
            except LedgerError as error:
                raise CommandError(f"no key could be made for {agent}: {error}") from error
            self.stderr.write(f"made the signing key {key_id} for {agent}")


def _checked_name(name: str) -> str:
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise CommandError(f"an agent's name has 1 to {MAX_NAME} printable characters")
    return name


def _lifetime(days: int | None) -> timedelta | None:
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise CommandError(f"--expires takes 1 to {MAX_DAYS} days, not {days}")
    return None if days is None else timedelta(days=days)


def _service_user() -> User:
    """The account that all tokens belong to; nobody can sign in with it."""
    user, created = User.objects.get_or_create(username=SERVICE_USER)
    if created:
        user.set_unusable_password()
        user.save()
    elif user.is_staff or user.is_superuser or user.has_usable_password():
        raise CommandError(
            f"the account {SERVICE_USER!r} is a person's; API tokens need this name for themselves"
        )
    if not user.is_active:
        raise CommandError(f"the account {SERVICE_USER!r} is switched off, and every token with it")
    return user


def _said(agent: str | None, issued: ApiToken) -> str:
    what = "a token that only reads" if agent is None else f"a token that writes as {agent}"
    until = f", valid until {issued.expiry:%Y-%m-%d %H:%M} UTC" if issued.expiry else ""
    return f"{what}{until}; it is shown this once:"
