"""The one place that opens the ledger's `.sql` files: migrations, queries, grants.

It must never build SQL: a file is executed as it stands, with parameters bound by psycopg.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from django.db.migrations import RunSQL

_FOLDER = Path(__file__).parent


class ChangedMigrationError(Exception):
    """A migration file is not the one that its pin names."""


@cache
def load(name: str) -> str:
    """The text of a file under `events/sql/`, such as `queries/range.sql`."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def migration(name: str, *, sha256: str) -> RunSQL:
    """The operation that applies one file, which must hash to its pin.

    There is no way back: the tables are append-only.

    Raises:
        ChangedMigrationError: the file was edited after it was pinned.
    """
    found = hashlib.sha256((_FOLDER / name).read_bytes()).hexdigest()
    if found != sha256:
        raise ChangedMigrationError(
            f"{name} hashes to {found}, but its migration pins {sha256}: "
            "an applied file is never edited, write a new one"
        )
    return RunSQL(load(name))
