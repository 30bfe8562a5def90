"""The one place that opens the ledger's `.sql` files: migrations, queries, grants.

It must never build SQL: a file is executed as it stands, with parameters bound by psycopg.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from django.db.migrations import RunSQL
from django.db.migrations.operations.base import Operation

_FOLDER = Path(__file__).parent


class ChangedMigrationError(Exception):
    """A migration file is not the one that its pin names."""


@cache
def load(name: str) -> str:
    """The text of a file under `events/sql/`, such as `queries/range.sql`."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def migration(name: str, *, sha256: str, models: Sequence[Operation] = ()) -> RunSQL:
    """The operation that applies one file, which must hash to its pin.

    `models` tells Django of the mirrors that the file's tables have, and does nothing to the
    database. There is no way back: the tables are append-only.

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
