"""The mark on a database that a backup is being restored into, so that nobody serves it meanwhile.

It must never be taken away but by the restore that set it, after it has verified what it restored.

One moment of the whole database, that a backup is taken of.

It must never write, and never read anything of the moment outside its transaction.

The database's roles and their rights, made from `roles.sql` and `grants.sql`.

It must never set a password, nor run but when it is asked to: what it would put right must be
seen first.
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
    """CT-13: a restore into this database was begun and not finished: it is no ledger yet."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a restore comes upon. `relations` counts tables, views and sequences but its mark."""

    is_marked: bool
    has_events: bool
    relations: int
    database: str
    server_major: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Which backup is being restored, and whether it was seen to end as the backup says."""

    manifest_sha256: str
    verified: bool


def read_target(using: str) -> Target:
    """What is in the database now."""
    return Target(*fetch_one(using, "restore_target"))


def read_mark(using: str) -> Mark:
    """The mark of a database that has one."""
    return Mark(*fetch_one(using, "restore_marked"))


def set_mark(using: str, manifest_sha256: str) -> None:
    """Mark an empty database, before anything is restored into it."""
    with transaction.atomic(using=using, durable=True):
        execute(using, "restore_mark", {})
        execute(using, "restore_mark_of", {"manifest_sha256": manifest_sha256})


def note_verified(using: str) -> None:
    """What was restored ends as the backup says; from here on it may go on, as by a halt."""
    execute(using, "restore_verified", {})


def take_mark_away(using: str) -> None:
    """The restore is done."""
    execute(using, "restore_unmark", {})


def analyze(using: str) -> None:
    """Have the planner know what was restored."""
    execute(using, "analyze", {})


def refuse_unfinished(using: str) -> None:
    """For whoever is about to serve or to work.

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
    """`name` is what other connections give to SET TRANSACTION SNAPSHOT while this one is open.
    `taken_at` is the database's clock; `bytes` the size of the database on its disk."""

    name: str
    server_version: str
    server_major: int
    taken_at: str
    bytes: int


@contextmanager
def snapshot(using: str) -> Iterator[Snapshot]:
    """Hold a snapshot: what is read through `using` inside is of that moment."""
    with transaction.atomic(using=using, durable=True):
        execute(using, "snapshot_only_reads", {})
        yield Snapshot(*fetch_one(using, "export_snapshot"))


def applied_migrations(using: str) -> list[str]:
    """Every migration that made the database what it is, as `app.name`."""
    return [f"{app}.{name}" for app, name in fetch_all(using, "applied_migrations")]


class RolesError(LedgerError):
    """The roles cannot be made with what was given."""


def script() -> str:
    """Everything as one script for psql: as an administrator, in the ledger's database."""
    return (
        f"{sql.load('roles.sql')}\n"
        "-- After `manage.py migrate`, as the owner; `manage.py apply_grants` does the same.\n"
        "SET ROLE portal_owner;\n"
        f"{sql.load('grants.sql')}RESET ROLE;\n"
    )


def make_roles(url: str) -> None:
    """Make the roles through an administrator's connection.

    Raises:
        RolesError: it cannot connect, or may not.
    """
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            pin(connection)
            connection.execute(sql.load("roles.sql").encode())
    except psycopg.Error as error:
        raise RolesError(f"the roles are not made: {first_line(error)}") from error


def grant() -> None:
    """Give the roles their rights, as the owner, and take every other away; and tell the database
    how long a proposal stands."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute(sql.load("grants.sql"))
        cursor.execute(sql.load("queries/set_proposal_days.sql"), [settings.PORTAL_PROPOSAL_DAYS])


def is_migrated() -> bool:
    """Whether the ledger's tables are there to be granted."""
    with connections["owner"].cursor() as cursor:
        return "events" in connections["owner"].introspection.table_names(cursor)
