"""A record that has ended is not changed, and none is removed: the database itself refuses."""

from __future__ import annotations

import psycopg
import pytest

from events.models import Verification
from events.tests.support.ledger import OPENING, Ledger
from observers.verification_jobs.history import latest
from observers.verification_jobs.records import ask_to_cancel
from observers.verification_jobs.runner import run_verification
from observers.verification_jobs.tasks import request

APPEND_ONLY = "AP004"
NO_PRIVILEGE = "42501"
REMOVAL = {"portal_app": NO_PRIVILEGE, "portal_owner": APPEND_ONLY, "postgres": APPEND_ONLY}

CHANGES = (
    "UPDATE verifications SET finding_count = 0, findings = '[]'",
    "UPDATE verifications SET state = 'running', ended_at = NULL, failure = NULL",
    "UPDATE verifications SET requested_by = 'somebody else'",
    "UPDATE verifications SET id = id",
)


def asked(ledger: Ledger, end: int = 6) -> int:
    if ledger.store.get_max_sequence() == OPENING:
        ledger.write(3)
    return request(requested_by="auditor", start=1, end=end).pk


def finished(ledger: Ledger) -> int:
    verification_id = asked(ledger)
    run_verification(verification_id)
    return verification_id


def cancelled(ledger: Ledger) -> int:
    verification_id = asked(ledger)
    assert ask_to_cancel(verification_id, "auditor")
    return verification_id


def refuses(ledger: Ledger, role: str, statement: str, expected: str) -> None:
    with ledger.connect(role) as connection:
        if role == "postgres":
            connection.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.Error) as refused:
            connection.execute(statement)
    assert refused.value.sqlstate == expected, refused.value


@pytest.mark.parametrize("role", REMOVAL)
@pytest.mark.parametrize("end", [finished, cancelled])
def test_an_ended_record_is_not_changed(ledger: Ledger, role: str, end: object) -> None:
    assert callable(end)
    end(ledger)
    before = ledger.query("SELECT to_jsonb(v) FROM verifications v")
    for change in CHANGES:
        refuses(ledger, role, change, APPEND_ONLY)
    assert ledger.query("SELECT to_jsonb(v) FROM verifications v") == before


@pytest.mark.parametrize(("role", "expected"), REMOVAL.items())
def test_no_record_is_removed(ledger: Ledger, role: str, expected: str) -> None:
    asked(ledger)
    for removal in ("DELETE FROM verifications", "TRUNCATE verifications"):
        refuses(ledger, role, removal, expected)


@pytest.mark.parametrize(
    "change",
    [
        "requested_by = 'somebody else'",
        "requested_at = now() - interval '1 day'",
        "start_sequence = 0",
        "end_sequence = 99",
        "reached_sequence = 0",
        "checked = 0",
        "finding_count = 0",
    ],
)
def test_requests_and_results_of_verifications_cannot_be_changed(
    ledger: Ledger, change: str
) -> None:
    asked(ledger)
    with ledger.connect() as app:
        app.execute("UPDATE verifications SET reached_sequence = 2, checked = 2, finding_count = 1")
    refuses(ledger, "portal_app", f"UPDATE verifications SET {change}", APPEND_ONLY)


@pytest.mark.parametrize(
    "values",
    [
        {"start_sequence": 3, "end_sequence": 2, "reached_sequence": 2},
        {"start_sequence": 0, "end_sequence": 2, "reached_sequence": -1},
        {"start_sequence": 1, "end_sequence": 2, "reached_sequence": 3},
        {"start_sequence": 1, "end_sequence": 2, "reached_sequence": 0, "state": "unheard of"},
    ],
)
def test_a_record_that_makes_no_sense_is_refused(ledger: Ledger, values: dict[str, object]) -> None:
    statement = (
        f"INSERT INTO verifications (requested_by, {', '.join(values)})"
        f" VALUES ('auditor', {', '.join(['%s'] * len(values))})"
    )
    with ledger.connect() as app, pytest.raises(psycopg.errors.CheckViolation):
        app.execute(statement, list(values.values()))


def test_a_record_cannot_claim_an_end_that_it_did_not_reach(ledger: Ledger) -> None:
    asked(ledger)
    with ledger.connect() as app, pytest.raises(psycopg.errors.CheckViolation):
        app.execute("UPDATE verifications SET state = 'finished', ended_at = now()")


def test_the_latest_of_the_whole_ledger(ledger: Ledger) -> None:
    assert (latest().finished, latest().sound) == (None, None)
    sound = finished(ledger)
    ledger.tamper("UPDATE events SET payload = '{\"number\": 99}' WHERE sequence = 5")
    unsound = finished(ledger)
    part = request(requested_by="auditor", start=6, end=6).pk
    run_verification(part)
    cancelled(ledger)
    asked(ledger)
    assert Verification.objects.count() == 5
    found = latest()
    assert found.finished
    assert found.sound
    assert (found.finished.pk, found.finished.is_sound) == (unsound, False)
    assert (found.sound.pk, found.sound.is_sound) == (sound, True)
    assert found.sound.end_sequence == 6
