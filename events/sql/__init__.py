"""Loads the ledger's `.sql` files: migrations, named queries, grants.

`queries/<file>.sql` holds the queries of the module of `events/store/` with that name. A heading
`-- name: head` begins a query, which `query("ledger.head")` returns. A heading `-- fragment: …`
begins text that queries share: the line `-- include: <file>.<fragment>` stands for it.

Invariant: no SQL is built from values. Texts are executed as the files have them, with parameters
bound by psycopg.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from django.db.migrations import CreateModel, RunSQL

_FOLDER = Path(__file__).parent

_HEADING = re.compile(r"^-- (name|fragment): (\w+)\n(?:--(?! include:).*\n)*", re.MULTILINE)
"""A heading, and below it the comment that says what the text is for."""

_INCLUDE = re.compile(r"^ *-- include: (\S+)$", re.MULTILINE)


class ChangedMigrationError(Exception):
    """A migration file does not match its pinned hash."""


class QueryError(Exception):
    """A query or fragment is unknown, defined twice, or includes itself."""


@cache
def load(name: str) -> str:
    """The text of a file under `events/sql/`, such as `grants.sql`."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def query(name: str) -> str:
    """The text of a named query, such as `ledger.head`.

    Raises:
        QueryError: there is no such query.
    """
    try:
        return _queries()[name]
    except KeyError:
        raise QueryError(f"there is no query {name}") from None


def read_queries(folder: Path) -> dict[str, str]:
    """The queries of a folder by their full names, with their fragments in place.

    Raises:
        QueryError: a name is used twice, or a fragment is unknown or includes itself.
    """
    texts: dict[str, dict[str, str]] = {"name": {}, "fragment": {}}
    for path in sorted(folder.glob("*.sql")):
        _, *parts = _HEADING.split(path.read_text(encoding="utf-8"))
        for kind, own_name, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            name = f"{path.stem}.{own_name}"
            if any(name in known for known in texts.values()):
                raise QueryError(f"{name} is defined twice")
            texts[kind][name] = text.strip("\n")
    return {name: _resolve(name, text, texts["fragment"]) for name, text in texts["name"].items()}


@cache
def _queries() -> dict[str, str]:
    return read_queries(_FOLDER / "queries")


def _resolve(name: str, text: str, fragments: Mapping[str, str], within: Sequence[str] = ()) -> str:
    """Replace each line of `text` that includes a fragment by the fragment."""

    def included(line: re.Match[str]) -> str:
        if line[1] in within:
            raise QueryError(f"{line[1]} includes itself")
        if line[1] not in fragments:
            raise QueryError(f"{name} includes {line[1]}, and there is no such fragment")
        return _resolve(line[1], fragments[line[1]], fragments, (*within, line[1]))

    return _INCLUDE.sub(included, text)


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
