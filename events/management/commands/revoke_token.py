"""`revoke_token`: revokes tokens of the HTTP API."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from events.accounts.tokens import TokenError, find, revoke
from events.management.base import LedgerCommand, refuse
from events.models import ApiToken


class Command(LedgerCommand):
    """Revokes a token by its beginning, or every token of an agent."""

    help = (
        "Revoke tokens. Requests with them are refused within a few seconds; what they "
        "wrote and read stays recorded. Exit codes: 0 revoked, 2 no such token."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument(
            "token",
            nargs="?",
            help="the token's beginning as `manage.py tokens` lists it, or the whole token",
        )
        which.add_argument("--agent", metavar="NAME", help="every token of this agent")

    def handle(self, *args: Any, **options: Any) -> None:
        for token in _chosen(options["token"], options["agent"]):
            revoke(token, by=f"{getpass.getuser()} on the command line")
            self.stdout.write(f"revoked: {token}")


def _chosen(text: str | None, agent: str | None) -> list[ApiToken]:
    if text is not None:
        try:
            return [find(text)]
        except TokenError as error:
            refuse(str(error))
    found = list(ApiToken.objects.filter(agent_id=agent))
    if not found:
        refuse(f"{agent} has no token")
    return found
