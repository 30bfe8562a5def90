"""The database's guards on the overview: in place, or named with what to do."""

from __future__ import annotations

import pytest

from events.tests.support.ledger import Ledger
from observers.tests.support.pages import PAGES, Reader, sign_in


@pytest.fixture
def reader(ledger: Ledger) -> Reader:
    """Signed in, at a ledger with three events of agent-7."""
    ledger.write(3)
    return Reader(ledger, sign_in())


def spoil(ledger: Ledger, statement: str) -> None:
    """As a superuser, and left so."""
    with ledger.connect("postgres") as superuser:
        superuser.execute(statement)


def test_a_fresh_ledger_is_guarded(reader: Reader) -> None:
    page = reader.text("/")
    assert "triggers in force" in page
    assert 'class="banner' not in page


def test_a_missing_guard_is_reported_on_every_page(reader: Reader) -> None:
    spoil(reader.ledger, "ALTER TABLE events DISABLE TRIGGER refuse_change_of_events")
    for address in PAGES:
        assert "A guard of the database is not in place." in reader.text(address), address
    page = reader.text("/")
    assert "events.refuse_change_of_events" in page
    assert "switched off" in page
    assert "What to do" in page


def test_an_excess_right_is_reported(reader: Reader) -> None:
    spoil(reader.ledger, "GRANT UPDATE, DELETE ON events TO portal_app")
    page = reader.text("/")
    assert "A guard of the database is not in place." in page
    assert "DELETE, INSERT, SELECT, UPDATE" in page
