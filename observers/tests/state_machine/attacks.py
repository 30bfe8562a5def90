"""SQL that somebody with the application's role may try, and the refusal expected. Statements that
the role is allowed to make and that would change the ledger are left out."""

from __future__ import annotations

from typing import Any

import psycopg

from events.tests.support.ledger import Ledger

REFUSED = (
    "UPDATE events SET payload = '{}'",
    "UPDATE events SET payload = '{}', payload_salt = repeat('0', 64)",
    "DELETE FROM events",
    "TRUNCATE events CASCADE",
    "DELETE FROM appends",
    "INSERT INTO appends SELECT last_sequence + 1, last_sequence + 1, content_hash,"
    " authority_timestamp, event_count FROM appends ORDER BY last_sequence DESC LIMIT 1",
    "UPDATE halt_state SET halted = false, reason = NULL, halted_at = NULL, halted_by = NULL",
    "UPDATE halt_state SET halted = true, reason = 'x', halted_at = now()",
    "DELETE FROM halt_state",
    "DELETE FROM clock_drift_warnings",
    "UPDATE ledger_config SET drift_threshold_seconds = 1000000",
    "UPDATE agent_keys SET until_sequence = NULL, active_until = NULL",
    "UPDATE witnesses SET until_sequence = from_sequence, active_until = now()",
    "INSERT INTO agent_keys (key_id, agent_id, public_key, from_sequence)"
    " SELECT 'k', 'mallory', public_key, 1 FROM agent_keys LIMIT 1",
    "SELECT open_ledger('k', 'k', 'WITNESS:k', 'k')",
    "SELECT setval('events_sequence_seq', 1000)",
    "ALTER SEQUENCE events_sequence_seq RESTART",
    "UPDATE ceremonies SET step = 'approved'",
    "INSERT INTO ceremony_openings VALUES (gen_random_uuid(), pg_current_xact_id()::text)",
    "SELECT open_ceremony(gen_random_uuid())",
    "INSERT INTO unwritten_records (event_type, payload) VALUES ('system.halted', '{}')",
    "ALTER TABLE events DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "INSERT INTO events SELECT * FROM events",
)
HARMLESS = (
    "SELECT nextval('events_sequence_seq') FROM generate_series(1, 7)",
    "BEGIN; SELECT open_append(); ROLLBACK",
    "BEGIN; SELECT halt_ledger('never committed'); ROLLBACK",
)

REFUSALS = {"42501", "23505", "AP001", "AP002", "AP003", "AP004", "AP005"}
"""No privilege, an id or a number twice, or what a trigger says."""


def attempt(ledger: Ledger, statement: str) -> None:
    """Try one of `REFUSED` or `HARMLESS`, which change nothing."""
    with ledger.connect("portal_app") as application:
        state = _sqlstate(application, statement)
    assert state in REFUSALS or (state is None and statement in HARMLESS), (statement, state)


def _sqlstate(connection: psycopg.Connection[Any], statement: str) -> str | None:
    """Returns the refusal; None when the attack went through."""
    try:
        connection.execute(statement)
    except psycopg.Error as refused:
        return refused.sqlstate
    return None
