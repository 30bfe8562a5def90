"""One moment of the whole database, that a backup is taken of.

It must never write, and never read anything of the moment outside its transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction

from events.store.connection import execute, fetch_all, fetch_one


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
