"""Rights that were changed are repaired when the portal starts, and the repair is recorded."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from auditportal import bootstrap
from events.tests.support.ledger import Ledger


@pytest.fixture
def no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prepare without collecting static files."""

    def without_files(name: str, *args: object, **options: object) -> object:
        return None if name == "collectstatic" else call_command(name, *args, **options)

    monkeypatch.setattr(bootstrap, "call_command", without_files)


def written(ledger: Ledger) -> list[str]:
    return [kind for (kind,) in ledger.query("SELECT event_type FROM events ORDER BY sequence")]


def may(ledger: Ledger, right: str) -> bool:
    rows = ledger.query("SELECT has_table_privilege('portal_app', 'events', %s)", [right])
    return bool(rows[0][0])


@pytest.mark.usefixtures("no_files")
def test_nothing_is_written_when_nothing_differs(ledger: Ledger) -> None:
    ledger.write(1)
    before = written(ledger)
    bootstrap.prepare()
    assert written(ledger) == before


@pytest.mark.usefixtures("no_files")
def test_an_added_right_is_recorded_and_revoked(ledger: Ledger) -> None:
    ledger.write(1)
    ledger.tamper("GRANT UPDATE ON events TO portal_app")
    before = written(ledger)
    bootstrap.prepare()
    assert written(ledger) == [*before, "system.guards_changed", "system.guards_restored"]
    assert not may(ledger, "UPDATE")


@pytest.mark.usefixtures("no_files")
def test_findings_that_could_not_be_written_before_the_repair_are_written_after(
    ledger: Ledger,
) -> None:
    ledger.write(1)
    ledger.tamper("REVOKE INSERT ON events FROM portal_app")
    before = written(ledger)
    bootstrap.prepare()
    assert written(ledger) == [*before, "system.guards_changed"]
    assert may(ledger, "INSERT")
