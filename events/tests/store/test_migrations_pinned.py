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
FILES = sorted(path.name for path in FOLDER.glob("0*.sql"))


def operations() -> dict[str, Sequence[Operation]]:
    loader = MigrationLoader(None)  # from the files alone
    return {
        name: migration.operations
        for (app, name), migration in loader.disk_migrations.items()
        if app == "events"
    }


def test_the_files_keep_the_names_of_the_requirements() -> None:
    assert FILES[:5] == [
        "001_create_events_table.sql",
        "002_hash_chain_verification.sql",
        "003_key_registry.sql",
        "004_witness_validation.sql",
        "005_clock_drift_monitoring.sql",
    ]


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_applied_by_its_own_migration(name: str) -> None:
    (operation,) = operations()[f"0{name.removesuffix('.sql')}"]
    assert isinstance(operation, RunSQL)
    assert operation.sql == (FOLDER / name).read_text(encoding="utf-8")
    assert operation.reverse_sql is None


@pytest.mark.parametrize("name", FILES)
def test_each_migration_pins_the_hash_of_its_file(name: str) -> None:
    migration = (MIGRATIONS / f"0{name.removesuffix('.sql')}.py").read_text(encoding="utf-8")
    pin = re.search(r'sha256="([0-9a-f]{64})"', migration)
    assert pin
    assert pin[1] == hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()


@pytest.mark.parametrize("edit", [b" ", b"\n-- harmless\n", b"DROP TABLE events;"])
def test_an_edited_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: bytes
) -> None:
    original = (FOLDER / FILES[0]).read_bytes()
    (tmp_path / FILES[0]).write_bytes(original + edit)
    monkeypatch.setattr(sql, "_FOLDER", tmp_path)
    pin = hashlib.sha256(original).hexdigest()
    with pytest.raises(sql.ChangedMigrationError, match=f"{FILES[0]} hashes to .* pins {pin}"):
        sql.migration(FILES[0], sha256=pin)


def test_sql_is_only_opened_in_one_place() -> None:
    """Ledger SQL lives in files, and only the store runs them."""
    app = Path(__file__).parents[2]
    elsewhere = [
        path.relative_to(app)
        for path in app.rglob("*.py")
        if "tests" not in path.parts
        and path.parent.name not in ("store", "migrations", "sql")
        and "sql.load(" in path.read_text(encoding="utf-8")
    ]
    assert elsewhere == []
