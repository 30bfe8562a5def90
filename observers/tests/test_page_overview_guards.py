"""The database's guards on the overview: in place, or named with what to do."""

from __future__ import annotations

import pytest

from events.store.guards import EXPECTED, TABLES, read_guards
from events.tests.ledger import Ledger
from observers.tests.pages import PAGES, Reader, sign_in


@pytest.fixture
def reader(ledger: Ledger) -> Reader:
    """Signed in, at a ledger of three events."""
    ledger.write(3)
    return Reader(ledger, sign_in())


def spoil(ledger: Ledger, *statements: str) -> None:
    """As a superuser, and left so."""
    with ledger.connect("postgres") as superuser:
        for statement in statements:
            superuser.execute(statement)


def test_every_trigger_of_the_migrations_is_a_guard(ledger: Ledger) -> None:
    found = ledger.query(
        "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE NOT t.tgisinternal AND c.relname = ANY (%s)",
        [list(TABLES)],
    )
    assert set(found) == set(EXPECTED)


def test_a_fresh_ledger_is_guarded(reader: Reader) -> None:
    guards = read_guards("default")
    assert guards.broken == []
    assert guards.role == "portal_app"
    page = reader.text("/")
    assert "25 triggers in force" in page
    assert 'role="alert"' not in page


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("ALTER TABLE events DISABLE TRIGGER refuse_change_of_events", "is switched off"),
        ("ALTER TABLE events DISABLE TRIGGER ALL", "is switched off"),
        ("ALTER TABLE events ENABLE TRIGGER refuse_change_of_events", "can be switched off by a"),
        ("DROP TRIGGER refuse_change_of_events ON events", "is gone"),
        (
            "CREATE OR REPLACE FUNCTION refuse_change_but_erasure() RETURNS trigger "
            "LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
            "does something else than it was made for",
        ),
        (
            "CREATE OR REPLACE TRIGGER refuse_change_of_events BEFORE UPDATE ON events "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
            "can be switched off by a",
        ),
    ],
)
def test_a_trigger_that_does_not_guard_is_told_on_every_page(
    reader: Reader, statement: str, fault: str
) -> None:
    spoil(reader.ledger, statement)
    for address in PAGES:
        assert "A guard of the database is not in place." in reader.text(address), address
    page = reader.text("/")
    assert fault in page
    assert "refuse_change_of_events" in page
    assert "What to do" in page


def test_a_narrowed_trigger_is_told(reader: Reader) -> None:
    spoil(
        reader.ledger,
        "CREATE OR REPLACE TRIGGER refuse_change_of_events BEFORE UPDATE ON events "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
        "ALTER TABLE events ENABLE ALWAYS TRIGGER refuse_change_of_events",
    )
    assert "does something else than it was made for" in reader.text("/")


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("GRANT UPDATE, DELETE ON events TO portal_app", "may UPDATE, DELETE"),
        ("GRANT TRUNCATE ON appends TO portal_app", "may TRUNCATE"),
        ("ALTER TABLE ceremonies OWNER TO portal_app", "owns the table"),
    ],
)
def test_a_right_too_many_is_told(reader: Reader, statement: str, fault: str) -> None:
    spoil(reader.ledger, statement)
    page = reader.text("/")
    assert "A guard of the database is not in place." in page
    assert fault in page
