"""`issue_token`: creates a token for the HTTP API and prints it, once.

Invariant: standard output holds the token and nothing else, for scripts.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError

from events.accounts.tokens import TokenError, issue, parse_lifetime, service_user
from events.append.services import signing_service
from events.errors import LedgerError, NoActiveKeyError
from events.format.names import wrong_name
from events.ingest.local_time import UNITS, parse_fields
from events.ingest.paths import parse_path
from events.ingest.time_texts import parse_zone
from events.management.base import LedgerCommand
from events.models import ApiToken, Reads
from events.registrar import registrar
from events.submission import WrongField, check_event_type

RECORDS = {
    "type": "event_type",
    "type_field": "type_field",
    "id_field": "id_field",
    "local_time": "local_time",
    "local_time_unit": "local_time_unit",
    "local_zone": "local_zone",
    "agent_field": "agent_field",
    "agents_under": "agents_under",
}
"""Options about records, and the columns of a token that keep them."""


class Command(LedgerCommand):
    """Creates a token that writes as one agent, or one that only reads."""

    help = (
        "Print a new token for the HTTP API, alone on standard output. A token of an agent reads "
        "its own agent's events and no others, unless --reads says otherwise."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--agent", metavar="NAME", help="may write as this agent")
        whose.add_argument(
            "--observer", action="store_true", help="may read everything, write nothing"
        )
        parser.add_argument(
            "--reads",
            choices=[each.value for each in Reads],
            help="what a token of an agent may read (default: own, its agent's events)",
        )
        parser.add_argument("--expires", metavar="TIME", help="lifetime: 30d, 12h, 45m; 30 is days")
        _add_records(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        agent: str | None = None if options["observer"] else _checked_name(options["agent"])
        reads = _reads(agent, options["reads"])
        records = _records(agent, options)
        try:
            lifetime = parse_lifetime(options["expires"]) if options["expires"] else None
            service_user()
        except TokenError as error:
            raise CommandError(str(error)) from error
        if agent is not None:
            self._ensure_key(agent)
        issued, token = issue(agent_id=agent, reads=reads, lifetime=lifetime, records=records)
        self.stderr.write(_said(issued))
        self.stdout.write(token)

    def _ensure_key(self, agent: str) -> None:
        """Give an agent without a key one: its token could write nothing."""
        try:
            signing_service().active_key(agent)
        except NoActiveKeyError:
            try:
                key_id = registrar().create_key(agent)
            except LedgerError as error:
                raise CommandError(f"no key could be created for {agent}: {error}") from error
            self.stderr.write(f"created the signing key {key_id} for {agent}")


def _add_records(parser: ArgumentParser) -> None:
    """Add the options for log shippers' tokens, named as those of `ingest`."""
    records = parser.add_argument_group(
        "records of log shippers",
        "How records sent to /api/v1/ingest and other protocols' addresses become events. "
        "FIELD is a dotted path into a record.",
    )
    records.add_argument(
        "--type", metavar="NAME", help="type of records that name none (default: log.line)"
    )
    records.add_argument("--type-field", metavar="FIELD", help="field with a record's type")
    records.add_argument(
        "--id-field",
        metavar="FIELD",
        help="where a record has its id, a UUID or any other text of its own; a record without it "
        "is rejected",
    )
    records.add_argument(
        "--local-time",
        metavar="FIELD[,FIELD…]",
        help="field with a record's time (default: the portal's clock when it arrives)",
    )
    records.add_argument("--local-time-unit", choices=tuple(UNITS), help="unit of its numbers")
    records.add_argument(
        "--local-zone", metavar="ZONE", help="zone of its texts without one: +02:00, Europe/Berlin"
    )
    records.add_argument(
        "--agents-under",
        metavar="PREFIX/",
        help="a record may name another agent, whose name begins so and which gets a key when it "
        "is first named, such as the host dc1/web-1",
    )
    records.add_argument(
        "--agent-field", metavar="FIELD", help="where a record names it, without the prefix"
    )


def _records(agent: str | None, options: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the token's columns that say how records become events."""
    chosen = {column: options[option] or None for option, column in RECORDS.items()}
    named = [f"--{option.replace('_', '-')}" for option in RECORDS if options[option]]
    if agent is None and named:
        raise CommandError(f"{named[0]} is for tokens of agents: --observer writes nothing")
    _check_names(chosen)
    _check_fields(chosen)
    return chosen


def _check_names(chosen: Mapping[str, str | None]) -> None:
    if (event_type := chosen["event_type"]) and (wrong := _wrong_type(event_type)):
        raise CommandError(f"--type {wrong}")
    if (under := chosen["agents_under"]) and (wrong := _wrong_prefix(under)):
        raise CommandError(f"--agents-under {wrong}")
    if chosen["agent_field"] and not under:
        raise CommandError("--agent-field requires --agents-under")


def _check_fields(chosen: Mapping[str, str | None]) -> None:
    for name in ("local_time_unit", "local_zone"):
        if chosen[name] and not chosen["local_time"]:
            raise CommandError(f"--{name.replace('_', '-')} requires --local-time")
    try:
        for name in ("type_field", "id_field", "agent_field"):
            if path := chosen[name]:
                parse_path(path)
        if fields := chosen["local_time"]:
            parse_fields([fields])
        if zone := chosen["local_zone"]:
            parse_zone(zone)
    except LedgerError as error:
        raise CommandError(str(error)) from error


def _wrong_type(name: str) -> str | None:
    try:
        check_event_type(name, "any agent")
    except WrongField as error:
        return str(error)
    return None


def _wrong_prefix(prefix: str) -> str | None:
    if not prefix.endswith("/") or len(prefix) < 2:
        return "must end with a slash, so that dc1/ does not reach dc10"
    return wrong_name(prefix + "a")


def _checked_name(name: str) -> str:
    if wrong := wrong_name(name):
        raise CommandError(f"an agent's name {wrong}")
    return name


def _reads(agent: str | None, asked: str | None) -> Reads:
    if agent is None and asked not in (None, Reads.ALL):
        raise CommandError("--observer reads everything; --reads is for tokens of agents")
    return Reads(asked or (Reads.OWN if agent else Reads.ALL))


def _said(issued: ApiToken) -> str:
    until = f", until {issued.expiry:%Y-%m-%d %H:%M} UTC" if issued.expiry else ""
    return f"a token that may {issued.may}{until}; it is shown this once:"
