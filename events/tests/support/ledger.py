"""A ledger under test: writes to it, and tampers with it as a superuser."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections
from psycopg import sql
from psycopg.conninfo import make_conninfo

from auditportal.embedded import EmbeddedPostgres
from events.access.recorder import recorder
from events.append.services import writer
from events.format.canonical import canonicalize
from events.format.event import Event
from events.registrar import registrar
from events.store.ledger import PostgresEventStore
from events.submission import Submission

GUARDED = (
    "ceremonies",
    "ceremony_openings",
    "person_keys",
    "unwritten_records",
    "events",
    "appends",
    "clock_drift_warnings",
    "drifted_events",
    "agent_keys",
    "witnesses",
    "halt_state",
    "ledger_config",
)

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Ledger:
    """One database of the test server; every Django alias points at it."""

    server: EmbeddedPostgres
    name: str
    others: set[str] = field(default_factory=set, compare=False)
    """Roles besides the application's that are connected: they may change anything."""
    visits: list[str] = field(default_factory=list, compare=False)
    """Roles that have connected, changed something perhaps, and left."""

    @property
    def store(self) -> PostgresEventStore:
        """Reads through the application's connection."""
        return PostgresEventStore()

    def write(self, count: int = 1, *, agent_id: str | None = "agent-7") -> list[Event]:
        """Append `count` small events, each in a transaction of its own."""
        return [
            writer().write_event(submission(number=n, agent_id=agent_id)).event
            for n in range(count)
        ]

    def written(self) -> list[Event]:
        """The events behind the opening, in sequence order."""
        return list(self.store.get_events_by_sequence_range(OPENING + 1, 2**62))

    def connect(self, role: str = "portal_app") -> psycopg.Connection[Any]:
        """A plain connection as one of the roles, or as the superuser `postgres`."""
        if role != "portal_app":
            self.others.add(role)
        return psycopg.connect(make_conninfo(**self.server.dsn(role, self.name)), autocommit=True)

    @contextmanager
    def _visit(self, role: str) -> Iterator[psycopg.Connection[Any]]:
        stays = role in self.others
        with self.connect(role) as connection:
            yield connection
        self.visits.append(role)
        if not stays:
            self.others.remove(role)

    @contextmanager
    def tampering(self) -> Iterator[psycopg.Connection[Any]]:
        """A superuser's connection with every trigger of the ledger switched off."""
        with self._visit("postgres") as superuser:
            always = superuser.execute(
                "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgenabled = 'A'"
            ).fetchall()
            for table in GUARDED:
                superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            yield superuser
            for table in GUARDED:
                superuser.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
            for table, trigger in always:
                superuser.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")

    def tamper(self, *statements: str) -> None:
        """Run statements as a superuser with the triggers off."""
        with self.tampering() as superuser:
            for statement in statements:
                superuser.execute(statement)

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Rows of a statement, as the superuser."""
        with self._visit("postgres") as superuser:
            return superuser.execute(statement, parameters).fetchall()


def administering(server: EmbeddedPostgres) -> psycopg.Connection[Any]:
    """A superuser's connection to the server rather than to a ledger, to make and drop those."""
    return psycopg.connect(make_conninfo(**server.dsn(dbname="postgres")), autocommit=True)


@contextmanager
def cloned(server: EmbeddedPostgres, template: str) -> Iterator[Ledger]:
    """A copy of the ledger `template`, to which every Django alias points. Dropped afterwards."""
    name = f"ledger_{next(_numbers)}"
    with administering(server) as admin:
        clone(admin, template, name)
        point_at(server, name)
        yield Ledger(server, name)
        recorder().flush()
        connections.close_all()
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def clone(admin: psycopg.Connection[Any], template: str, name: str) -> None:
    """Copy a database, which nobody may be connected to."""
    database = sql.Identifier(name)
    admin.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER portal_owner STRATEGY FILE_COPY").format(
            database, sql.Identifier(template)
        )
    )
    # What the grants say of a database is not cloned with it.
    admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    roles = sql.SQL("GRANT CONNECT ON DATABASE {} TO portal_app, portal_observer")
    admin.execute(roles.format(database))


OPENING = 3
"""Events with which each test's ledger begins: its opening, and the registrations of two keys."""


def put_keys_into(folder: Path) -> None:
    """Make the keys of the system, of the agents `agent-7` and `agent-8`, and of one witness."""
    settings.PORTAL_KEY_DIR = folder
    registrar().open_ledger("alpha")
    for agent in ("agent-7", "agent-8"):
        registrar().create_key(agent)


def point_at(server: EmbeddedPostgres, name: str) -> None:
    """Send every Django alias to one database of a test server, each in its own role."""
    connections.close_all()
    for alias in settings.DATABASES:
        place = connections[alias].settings_dict
        place["HOST"], place["PORT"] = server.dsn()["host"], server.dsn()["port"]
        place["NAME"] = name
        place["CONN_MAX_AGE"] = 0


def submission(
    payload: Any = None,
    *,
    number: int = 0,
    event_type: str = "test.happened",
    agent_id: str | None = "agent-7",
    local_timestamp: datetime | None = None,
    event_id: str | None = None,
) -> Submission:
    """A valid submission; whatever is not given is ordinary."""
    return Submission(
        event_type=event_type,
        canonical_payload=canonicalize({"number": number} if payload is None else payload),
        agent_id=agent_id,
        local_timestamp=local_timestamp or datetime.now(UTC),
        event_id=event_id,
    )
