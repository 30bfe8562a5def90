"""FR7: what is written stays. UPDATE, DELETE and TRUNCATE are refused for everybody, including the
owner and a superuser in replication mode."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from events.append.services import signing_service, writer
from events.registrar import registrar
from events.tests.support.ceremonies import hold
from events.tests.support.ledger import Ledger, submission

APPEND_ONLY = "AP004"
NO_PRIVILEGE = "42501"
CEREMONY_NEEDED = "AP005"
"""A row of people is refused before it comes to what it would change."""

COLUMN = {
    "events": "payload = '{}'",
    "appends": "event_count = 7",
    "clock_drift_warnings": "drift_seconds = 0",
    "drifted_events": "agent_id = 'another'",
    "agent_keys": "public_key = 'another'",
    "witnesses": "public_key = 'another'",
    "ceremonies": "person = 'somebody else'",
    "halt_state": "halted = false",
    "person_keys": "public_key = 'another'",
    "unwritten_records": "payload = '{}'",
    "ceremony_openings": "transaction = 'another'",
}
TABLES = tuple(COLUMN)
ROLES = {"portal_app": NO_PRIVILEGE, "portal_owner": APPEND_ONLY, "postgres": APPEND_ONLY}


@pytest.fixture
def filled(ledger: Ledger) -> Iterator[Ledger]:
    """A ledger with a row in every append-only table."""
    writer().write_event(submission(local_timestamp=datetime(1970, 1, 1, tzinfo=UTC)))
    hold(ledger, "drift_threshold", {"seconds": "6"})
    ledger.tamper(
        "INSERT INTO unwritten_records (event_type, payload) VALUES ('system.halted', '{}')"
    )
    before = snapshot(ledger)
    assert all(before.values())
    yield ledger
    assert snapshot(ledger) == before


def snapshot(ledger: Ledger) -> dict[str, list[Any]]:
    return {
        table: ledger.query(f"SELECT to_jsonb(t) FROM {table} t ORDER BY 1") for table in TABLES
    }


def refuses(connection: psycopg.Connection[Any], statement: str, expected: str) -> None:
    with pytest.raises(psycopg.Error) as refused:
        connection.execute(statement)
    allowed = {expected, CEREMONY_NEEDED} if statement.startswith("INSERT") else {expected}
    assert refused.value.sqlstate in allowed, refused.value


def refuses_every_role(ledger: Ledger, *statements: str) -> None:
    for role, expected in ROLES.items():
        with ledger.connect(role) as connection:
            for statement in statements:
                refuses(connection, statement, expected)


@pytest.mark.parametrize("table", TABLES)
def test_refuses_update_delete_and_truncate(filled: Ledger, table: str) -> None:
    refuses_every_role(
        filled,
        f"UPDATE {table} SET {COLUMN[table]}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
    )


@pytest.mark.parametrize("table", TABLES)
def test_refuses_in_replication_mode(filled: Ledger, table: str) -> None:
    with filled.connect("postgres") as superuser:
        superuser.execute("SET session_replication_role = replica")
        refuses(superuser, f"UPDATE {table} SET {COLUMN[table]}", APPEND_ONLY)
        refuses(superuser, f"DELETE FROM {table}", APPEND_ONLY)
        refuses(superuser, f"TRUNCATE {table} CASCADE", APPEND_ONLY)


@pytest.mark.parametrize("role", ["portal_owner", "postgres"])
def test_refuses_truncate_without_cascade(filled: Ledger, role: str) -> None:
    """`events` is referenced by the warnings, so that PostgreSQL refuses before the trigger."""
    with filled.connect(role) as connection:
        refuses(connection, "TRUNCATE events", "0A000")
        refuses(connection, "TRUNCATE events, clock_drift_warnings, ceremonies", APPEND_ONLY)
        refuses(connection, "TRUNCATE appends RESTART IDENTITY", APPEND_ONLY)


STATEMENT_LEVEL = ("events", "appends", "clock_drift_warnings", "drifted_events", "ceremonies")


@pytest.mark.parametrize("table", STATEMENT_LEVEL)
def test_refuses_changes_that_match_no_row(filled: Ledger, table: str) -> None:
    with filled.connect("portal_owner") as owner:
        refuses(owner, f"UPDATE {table} SET {COLUMN[table]} WHERE false", APPEND_ONLY)
        refuses(owner, f"DELETE FROM {table} WHERE false", APPEND_ONLY)


KEY = {
    "events": "event_id",
    "appends": "last_sequence",
    "clock_drift_warnings": "id",
    "drifted_events": "sequence",
    "agent_keys": "key_id",
    "witnesses": "witness_id",
    "ceremonies": "id",
    "halt_state": "singleton",
    "person_keys": "public_key",
    "unwritten_records": "event_id",
    "ceremony_openings": "ceremony_id",
}


@pytest.mark.parametrize("table", TABLES)
def test_refuses_upsert(filled: Ledger, table: str) -> None:
    refuses_every_role(
        filled,
        f"INSERT INTO {table} SELECT * FROM {table}"
        f" ON CONFLICT ({KEY[table]}) DO UPDATE SET {COLUMN[table]}",
    )


@pytest.mark.parametrize("table", TABLES)
def test_refuses_merge(filled: Ledger, table: str) -> None:
    merge = (
        f"MERGE INTO {table} t USING (SELECT {KEY[table]} AS key FROM {table}) s"
        f" ON s.key = t.{KEY[table]} WHEN MATCHED THEN "
    )
    refuses_every_role(filled, f"{merge} UPDATE SET {COLUMN[table]}", f"{merge} DELETE")


def test_refuses_changes_through_the_view(filled: Ledger) -> None:
    with filled.connect("portal_owner") as owner:
        refuses(owner, "UPDATE canonical_events SET event_type = 'x'", APPEND_ONLY)
        refuses(owner, "DELETE FROM canonical_events", APPEND_ONLY)


def test_the_guards_hold_in_replication_mode_by_the_catalogue(ledger: Ledger) -> None:
    """Every trigger of the ledger is ENABLE ALWAYS ('A'); foreign keys' own are left out."""
    triggers = ledger.query(
        "SELECT c.relname, t.tgname, t.tgenabled"
        " FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal AND c.relname = ANY (%s)",
        [list(TABLES)],
    )
    assert {table for table, _, _ in triggers} == set(TABLES)
    assert [row for row in triggers if row[2] != "A"] == []


RETIREMENT = "active_until = now(), until_sequence = 5"
REGISTRIES = [("agent_keys", "key_id"), ("witnesses", "witness_id")]


@pytest.mark.parametrize(("table", "key"), REGISTRIES)
def test_a_key_is_retired_once_and_nothing_else(ledger: Ledger, table: str, key: str) -> None:
    with ledger.connect("portal_owner") as owner:
        for change in (
            f"{key} = {key} || 'x'",
            f"public_key = repeat('A', 43) || '=', {RETIREMENT}",
            f"from_sequence = 2, {RETIREMENT}",
            f"active_from = 'epoch', {RETIREMENT}",
        ):
            refuses(owner, f"UPDATE {table} SET {change}", APPEND_ONLY)
        refuses(owner, f"UPDATE {table} SET until_sequence = 5", "23514")
        refuses(owner, f"UPDATE {table} SET {RETIREMENT}", CEREMONY_NEEDED)  # no event says so
        registrar().rotate_key("agent-7")
        registrar().replace_witness("WITNESS:alpha", "beta")
        for change in (
            RETIREMENT,
            "active_until = NULL, until_sequence = NULL",
            "active_until = now(), until_sequence = 6",
        ):
            retired = f"UPDATE {table} SET {change} WHERE until_sequence IS NOT NULL"
            refuses(owner, retired, APPEND_ONLY)


def test_an_agent_cannot_be_given_anothers_key(ledger: Ledger) -> None:
    with ledger.connect("portal_owner") as owner:
        refuses(owner, f"UPDATE agent_keys SET agent_id = 'x', {RETIREMENT}", APPEND_ONLY)


def test_the_services_retirement_is_the_change_that_is_allowed(ledger: Ledger) -> None:
    registrar().retire_key(signing_service().active_key("agent-7"))
    registrar().create_witness("beta")
    last = registrar().retire_witness("WITNESS:alpha")
    assert ledger.query("SELECT until_sequence FROM witnesses") == [(None,), (last,)]
