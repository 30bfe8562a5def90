"""Loads the ledger's `.sql` files: migrations, queries, grants.

Invariant: no SQL is built from values. A file is executed as it stands, with parameters bound by
psycopg.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from django.db.migrations import CreateModel, RunSQL

_FOLDER = Path(__file__).parent


class ChangedMigrationError(Exception):
    """A migration file does not match its pinned hash."""


@cache
def load(name: str) -> str:
    """The text of a file under `events/sql/`, such as `queries/head.sql`."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def migration(name: str, *, sha256: str, models: Sequence[CreateModel] = ()) -> RunSQL:
    """The operation that applies one file, which must match its pinned hash.

    `models` gives Django the models of the file's tables, without touching the database. Not
    reversible: the tables are append-only.

    Raises:
        ChangedMigrationError: the file was edited after it was pinned.
    """
    found = hashlib.sha256((_FOLDER / name).read_bytes()).hexdigest()
    if found != sha256:
        raise ChangedMigrationError(
            f"{name} hashes to {found}, but its migration pins {sha256}: "
            "an applied file is never edited, write a new one"
        )
    return RunSQL(load(name), state_operations=models)


def model(name: str, table: str, **options: Any) -> CreateModel:
    """The operation that gives Django the model of a table, for its permissions. It has no fields:
    Django does not compare those of unmanaged models, and `events/models.py` defines them.
    """
    return CreateModel(name, fields=[], options={"db_table": table, "managed": False, **options})
