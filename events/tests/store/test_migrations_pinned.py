"""An applied SQL file cannot be edited: its migration pins its hash."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RunSQL
from django.db.migrations.operations.base import Operation

from events import sql

FOLDER = Path(sql.__file__).parent
MIGRATIONS = Path(__file__).parents[2] / "migrations"
NUMBERED = sorted(path.name for path in FOLDER.glob("0*.sql"))
FIRST = {"names.sql": "0001_create_events_table", "signatures.sql": "0007_people"}
"""Functions without a table of their own, and the migrations that run them first."""
FILES = [*FIRST, *NUMBERED]
MIGRATION_OF = {name: f"0{name.removesuffix('.sql')}" for name in NUMBERED} | FIRST


def operations() -> dict[str, Sequence[Operation]]:
    loader = MigrationLoader(None)  # from the files alone
    return {
        name: migration.operations
        for (app, name), migration in loader.disk_migrations.items()
        if app == "events"
    }


def _place(name: str) -> int:
    """The place of a file among the operations of its migration."""
    return [each for each in FILES if MIGRATION_OF[each] == MIGRATION_OF[name]].index(name)


def test_the_files_keep_the_names_of_the_requirements() -> None:
    assert NUMBERED[:5] == [
        "001_create_events_table.sql",
        "002_hash_chain_verification.sql",
        "003_key_registry.sql",
        "004_witness_validation.sql",
        "005_clock_drift_monitoring.sql",
    ]


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_applied_by_its_migration(name: str) -> None:
    operation = operations()[MIGRATION_OF[name]][_place(name)]
    assert isinstance(operation, RunSQL)
    assert operation.sql == (FOLDER / name).read_text(encoding="utf-8")
    assert operation.reverse_sql is None


def test_migrations_apply_these_files_and_nothing_else() -> None:
    applied = [operation for each in operations().values() for operation in each]
    assert len(applied) == len(FILES)
    assert len(operations()) == len(NUMBERED)


@pytest.mark.parametrize("name", FILES)
def test_each_migration_pins_the_hash_of_its_file(name: str) -> None:
    migration = (MIGRATIONS / f"{MIGRATION_OF[name]}.py").read_text(encoding="utf-8")
    pin = re.search(rf'"{name}",\s+sha256="([0-9a-f]{{64}})"', migration)
    assert pin
    assert pin[1] == hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()


def test_nothing_is_defined_twice() -> None:
    """Each table, function and trigger is defined in one place."""
    text = "".join((FOLDER / name).read_text(encoding="utf-8") for name in FILES)
    assert not re.search(r"\bOR REPLACE\b|^DROP\b|\bADD (COLUMN|CONSTRAINT)\b", text, re.MULTILINE)
    defined = re.findall(
        r"^CREATE (?:\w+ )*(?:TABLE|VIEW|FUNCTION|TRIGGER|INDEX|SEQUENCE|STATISTICS) (\w+)",
        text,
        re.MULTILINE,
    )
    assert len(defined) == len(set(defined))


@pytest.mark.parametrize("edit", [b" ", b"\n-- harmless\n", b"DROP TABLE events;"])
def test_an_edited_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: bytes
) -> None:
    original = (FOLDER / NUMBERED[0]).read_bytes()
    (tmp_path / NUMBERED[0]).write_bytes(original + edit)
    monkeypatch.setattr(sql, "_FOLDER", tmp_path)
    pin = hashlib.sha256(original).hexdigest()
    with pytest.raises(sql.ChangedMigrationError, match=f"{NUMBERED[0]} hashes to .* pins {pin}"):
        sql.migration(NUMBERED[0], sha256=pin)


def test_sql_is_only_opened_in_one_place() -> None:
    """Ledger SQL lives in files, and only the store runs them."""
    app = Path(__file__).parents[2]
    elsewhere = [
        path.relative_to(app)
        for path in app.rglob("*.py")
        if "tests" not in path.parts
        and path.parent.name not in ("store", "migrations", "sql")
        and re.search(r"sql\.(load|query)\(", path.read_text(encoding="utf-8"))
    ]
    assert elsewhere == []
