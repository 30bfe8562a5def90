"""The mark on a database that a backup is being restored into, so that nobody serves it meanwhile.

It must never be taken away but by the restore that set it, after it has verified what it restored.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from events.errors import LedgerError
from events.store.connection import execute, fetch_one


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
