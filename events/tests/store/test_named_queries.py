"""Queries have names, one text and a purpose; fragments stand once; no value enters the SQL."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from events import sql
from events.store.integrity import TABLES

ROOT = Path(__file__).parents[3]
FOLDER = Path(sql.__file__).parent / "queries"
FILES = sorted(FOLDER.glob("*.sql"))
QUERIES = sql.read_queries(FOLDER)


def given(folder: Path, text: str) -> dict[str, str]:
    (folder / "ledger.sql").write_text(text, encoding="utf-8")
    return sql.read_queries(folder)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_query_and_fragment_says_its_purpose(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    headings = re.findall(r"^-- (?:name|fragment): (\w+)\n(.*)$", text, re.MULTILINE)
    assert headings
    for name, purpose in headings:
        assert re.match(r"-- [A-Z'`].+", purpose), name


def test_each_file_is_of_a_module_of_the_store() -> None:
    modules = {path.stem for path in (ROOT / "events/store").glob("*.py")}
    assert {path.stem for path in FILES} <= modules | {"shared"}


def test_each_query_is_run_and_each_fragment_included() -> None:
    code = "".join(
        path.read_text(encoding="utf-8")
        for app in ("auditportal", "events", "observers")
        for path in (ROOT / app).rglob("*.py")
        if "tests" not in path.parts
    )
    by_table = {f"integrity.{table}_outside_indexes" for table in TABLES}
    assert [name for name in QUERIES if f'"{name}"' not in code and name not in by_table] == []
    texts = "".join(path.read_text(encoding="utf-8") for path in FILES)
    fragments = {
        f"{path.stem}.{name}"
        for path in FILES
        for name in re.findall(r"^-- fragment: (\w+)$", path.read_text("utf-8"), re.MULTILINE)
    }
    assert set(re.findall(r"-- include: (\S+)", texts)) == fragments


def test_a_query_is_made_of_lines_of_the_files_and_named_parameters() -> None:
    lines = {line for path in FILES for line in path.read_text(encoding="utf-8").splitlines()}
    for name, text in QUERIES.items():
        assert set(text.splitlines()) <= lines, name
        assert not re.search(r"-- (name|fragment|include):", text), name
        assert not re.search(r"%(?!\(\w+\)s)", text.replace("%%", "")), name
        assert sql.query(name) == text


def test_a_fragment_stands_for_its_line(tmp_path: Path) -> None:
    queries = given(
        tmp_path,
        "-- About the file.\n\n"
        "-- fragment: columns\n-- What is read.\na, b\n\n"
        "-- fragment: all\n-- Everything.\nSELECT\n    -- include: ledger.columns\nFROM t\n\n"
        "-- name: first\n-- The first row.\n-- include: ledger.all\nLIMIT 1 -- one\n",
    )
    assert queries == {"ledger.first": "SELECT\na, b\nFROM t\nLIMIT 1 -- one"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("-- name: a\nSELECT\n-- name: a\nSELECT\n", "ledger.a is defined twice"),
        ("-- name: a\nSELECT\n-- fragment: a\nSELECT\n", "ledger.a is defined twice"),
        (
            "-- name: a\n-- Purpose.\nSELECT\n-- include: ledger.b\n",
            "ledger.a includes ledger.b, and there is no such fragment",
        ),
        (
            "-- name: b\nSELECT\n-- name: a\nSELECT\n-- include: ledger.b\n",
            "ledger.a includes ledger.b, and there is no such fragment",
        ),
        (
            "-- fragment: b\nSELECT\n-- include: ledger.b\n-- name: a\n-- include: ledger.b\n",
            "ledger.b includes itself",
        ),
    ],
)
def test_a_mistake_in_the_files_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(sql.QueryError, match=f"^{says}$"):
        given(tmp_path, text)


@pytest.mark.parametrize("name", ["ledger.heads", "head", "shared.event_columns", "../grants", ""])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(sql.QueryError, match=f"there is no query {re.escape(name)}$"):
        sql.query(name)
