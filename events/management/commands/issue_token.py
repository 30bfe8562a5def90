"""`issue_token`: make a token for the HTTP API and print it, once.

It must never print anything else on standard output, nor keep the token: only a digest is kept.
"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from events.accounts.tokens import TokenError, issue, parse_lifetime, service_user
from events.composition import signing_service
from events.errors import LedgerError, NoActiveKeyError
from events.management.command import LedgerCommand
from events.models import ApiToken, Reads
from events.names import wrong_name


class Command(LedgerCommand):
    """Make a token that writes as one agent, or one that only reads."""

    help = (
        "Print a new token for the HTTP API, alone on standard output. A token of an agent reads "
        "its own agent's events and no others, unless --reads says otherwise."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--agent", metavar="NAME", help="may write as this agent")
        whose.add_argument("--observer", action="store_true", help="may only read, and everything")
        parser.add_argument(
            "--reads",
            choices=[each.value for each in Reads],
            help="what a token of an agent may read (default: own, its agent's events)",
        )
        parser.add_argument(
            "--expires", metavar="TIME", help="not valid after so long: 30d, 12h, 45m; 30 is days"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        agent: str | None = None if options["observer"] else _checked_name(options["agent"])
        reads = _reads(agent, options["reads"])
        try:
            lifetime = parse_lifetime(options["expires"]) if options["expires"] else None
            service_user()
        except TokenError as error:
            raise CommandError(str(error)) from error
        if agent is not None:
            self._ensure_key(agent)
        issued, token = issue(agent_id=agent, reads=reads, lifetime=lifetime)
        self.stderr.write(_said(issued))
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
    if wrong := wrong_name(name):
        raise CommandError(f"an agent's name {wrong}")
    return name


def _reads(agent: str | None, asked: str | None) -> Reads:
    if agent is None and asked not in (None, Reads.ALL):
        raise CommandError("--observer reads everything; --reads is for a token of an agent")
    return Reads(asked or (Reads.OWN if agent else Reads.ALL))


def _said(issued: ApiToken) -> str:
    until = f", until {issued.expiry:%Y-%m-%d %H:%M} UTC" if issued.expiry else ""
    return f"a token that may {issued.may}{until}; it is shown this once:"
