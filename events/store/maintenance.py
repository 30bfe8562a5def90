"""Database operations of the operator: restore mark, backup snapshot, roles and grants.

A database that is being restored carries a mark, so that nobody serves it; only the restore that
set the mark removes it, after verification. Roles are made from `roles.sql` and `grants.sql`,
without passwords.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from django.conf import settings
from django.db import connections, transaction

from events import sql
from events.errors import LedgerError
from events.store.connection import execute, fetch_all, fetch_one, first_line
from events.store.session import pin


class RestoreUnfinishedError(LedgerError):
    """CT-13: a restore into this database was not finished."""


@dataclass(frozen=True, slots=True)
class Target:
    """The contents of a restore's target database. `relations` counts tables, views and sequences
    except the mark."""

    is_marked: bool
    has_events: bool
    relations: int
    database: str
    server_major: int


@dataclass(frozen=True, slots=True)
class Mark:
    """The backup that is being restored, and whether the result was verified against it."""

    manifest_sha256: str
    verified: bool


def read_target(using: str) -> Target:
    """Read what the database contains now."""
    return Target(*fetch_one(using, "maintenance.restore_target"))


def read_mark(using: str) -> Mark:
    """The mark of a database that has one."""
    return Mark(*fetch_one(using, "maintenance.read_mark"))


def set_mark(using: str, manifest_sha256: str) -> None:
    """Mark an empty database before anything is restored into it."""
    with transaction.atomic(using=using, durable=True):
        execute(using, "maintenance.create_mark")
        execute(using, "maintenance.set_mark", {"manifest_sha256": manifest_sha256})


def note_verified(using: str) -> None:
    """Mark the restored data as verified against the backup."""
    execute(using, "maintenance.note_verified")


def take_mark_away(using: str) -> None:
    """Remove the mark after a finished restore."""
    execute(using, "maintenance.drop_mark")


def analyze(using: str) -> None:
    """Update the planner's statistics after a restore."""
    execute(using, "maintenance.analyze")


def refuse_unfinished(using: str) -> None:
    """Refuse to serve or work on a database that is being restored.

    Raises:
        RestoreUnfinishedError: the database is marked.
    """
    if read_target(using).is_marked:
        raise RestoreUnfinishedError(
            "CT-13: a restore into this database was begun and not finished; run "
            "`manage.py restore` with the same backup again"
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An exported snapshot. Other connections pass `name` to SET TRANSACTION SNAPSHOT while this
    one is open. `taken_at` is the database's clock; `bytes` the database's size on disk."""

    name: str
    server_version: str
    server_major: int
    taken_at: str
    bytes: int


@contextmanager
def snapshot(using: str) -> Iterator[Snapshot]:
    """Hold a read-only snapshot: everything read through `using` inside is of one moment."""
    with transaction.atomic(using=using, durable=True):
        execute(using, "maintenance.snapshot_only_reads")
        yield Snapshot(*fetch_one(using, "maintenance.export_snapshot"))


def applied_migrations(using: str) -> list[str]:
    """Every applied migration, as `app.name`."""
    return [f"{app}.{name}" for app, name in fetch_all(using, "maintenance.applied_migrations")]


class RolesError(LedgerError):
    """The roles cannot be created."""


def script() -> str:
    """Roles and grants as one psql script: run as an administrator, in the ledger's database."""
    return (
        f"{sql.load('roles.sql')}\n"
        "-- After `manage.py migrate`, as the owner; `manage.py apply_grants` does the same.\n"
        "SET ROLE portal_owner;\n"
        f"{sql.load('grants.sql')}RESET ROLE;\n"
    )


def make_roles(url: str) -> None:
    """Create the roles through an administrator's connection.

    Raises:
        RolesError: the connection or the statements fail.
    """
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            pin(connection)
            connection.execute(sql.load("roles.sql").encode())
    except psycopg.Error as error:
        raise RolesError(f"the roles were not created: {first_line(error)}") from error


def grant() -> None:
    """Grant the roles their rights, revoke every other, and store how many days a proposal stands.
    Runs as the owner."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute(sql.load("grants.sql"))
        days = {"days": settings.PORTAL_PROPOSAL_DAYS}
        cursor.execute(sql.query("maintenance.set_proposal_days"), days)


def is_migrated() -> bool:
    """True if the ledger's tables exist."""
    with connections["owner"].cursor() as cursor:
        return "events" in connections["owner"].introspection.table_names(cursor)
