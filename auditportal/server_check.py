"""Checks that a ledger can be kept on a database server, before anything is made in it."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from events.errors import LedgerError
from events.store.connection import fetch_one

log = structlog.get_logger(__name__)

ENCODING = "UTF8"


class UnfitServer(LedgerError):
    """No ledger can be kept there, or none be written now; says why and what to do."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """`unsafe`: settings that are off, and without which a power cut may destroy what is there."""

    database: str
    encoding: str
    takes_writes: bool
    unsafe: tuple[str, ...]

    @property
    def read_only(self) -> str:
        """Why nothing can be written there, and what to do; "" when something can."""
        if self.takes_writes:
            return ""
        return (
            f"the database {self.database!r} takes no writes: its server is a standby, or was made "
            "read-only. Lead the URL to the primary; one that names several hosts needs "
            "target_session_attrs=read-write"
        )

    @property
    def warnings(self) -> list[str]:
        """A sentence for each setting that makes a power cut dangerous."""
        return [
            f"{name} is off at the database's server: after a power cut, or when its machine dies, "
            f"events that were acknowledged may be lost and the database be beyond repair. Set "
            f"{name} = on, and restart PostgreSQL"
            for name in self.unsafe
        ]


def check_server(using: str) -> ServerFacts:
    """What is known of the server; what makes it unsafe is logged.

    Raises:
        UnfitServer: the database cannot hold every text.
        LedgerUnavailableError: the database is away.
    """
    database, encoding, takes_writes, unsafe = fetch_one(using, "server_facts")
    facts = ServerFacts(database, encoding, takes_writes, tuple(unsafe))
    if encoding != ENCODING:
        raise UnfitServer(
            f"the database {database!r} has the encoding {encoding}, and a ledger needs "
            f"{ENCODING}: CREATE DATABASE … ENCODING '{ENCODING}' TEMPLATE template0"
        )
    for name in facts.unsafe:
        log.critical("database_unsafe", setting=name, database=database)
    return facts


def require_writable(using: str) -> ServerFacts:
    """`check_server`, for who is about to write.

    Raises:
        UnfitServer: as there, or the server takes no writes.
    """
    facts = check_server(using)
    if not facts.takes_writes:
        raise UnfitServer(facts.read_only)
    return facts
