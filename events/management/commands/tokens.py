"""`tokens`: lists the tokens of the HTTP API, without their digests."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from events.management.base import LedgerCommand, add_json, table
from events.models import ApiToken

TITLES = ("token", "may", "made", "expires", "last used", "state")


class Command(LedgerCommand):
    """Lists every token, newest first."""

    help = (
        "List the tokens: what each may do, when it was made, when it expires and when it was "
        "last used, to the minute. `issue_token` makes one, `revoke_token` revokes one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--agent", metavar="NAME", help="only those of this agent")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = {} if options["agent"] is None else {"agent_id": options["agent"]}
        found = ApiToken.objects.filter(**chosen).order_by("-created", "token_key")
        rows = [
            (
                token.token_key,
                token.may,
                _minute(token.created),
                _minute(token.expiry) or "never",
                _minute(token.last_used_at) or "not yet",
                "expired" if _expired(token) else "valid",
            )
            for token in found
        ]
        text = table(TITLES, rows, empty="there is no token")
        self.answer([_as_dict(token) for token in found], text, options)


def _as_dict(token: ApiToken) -> dict[str, Any]:
    return {
        "token": token.token_key,
        "agent_id": token.agent_id,
        "writes": token.agent_id is not None,
        "reads": token.reads,
        "created": token.created,
        "expires": token.expiry,
        "expired": _expired(token),
        "last_used": token.last_used_at,
    }


def _expired(token: ApiToken) -> bool:
    return token.expiry is not None and token.expiry < timezone.now()


def _minute(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else ""
