"""`check_guards` against a real catalogue: every way to take a guard away has its finding.

It must never be satisfied by a name: what a guard does is compared.
"""

from __future__ import annotations

import json
from dataclasses import astuple

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from events.store.guards import read_guards
from events.tests.ledger import Ledger
from observers.guards.comparison import to_document
from observers.guards.look import EXPECTED
from observers.tests.commands import run


def test_the_expectations_are_those_of_a_fresh_ledger(ledger: Ledger) -> None:
    state = read_guards()
    if state.major != json.loads(EXPECTED.read_text())["postgresql"]:
        pytest.skip("the expectations are of another PostgreSQL")
    found = to_document(state.major, (astuple(fact) for fact in state.facts))
    assert found == json.loads(EXPECTED.read_text()), "run `make guard-expectations`"


def test_a_fresh_ledger_is_sound(ledger: Ledger) -> None:
    ran = run("check_guards", "--json")
    assert (ran.code, ran.json["findings"]) == (0, [])
    assert ran.json["role"] == "portal_app"
    assert "Every guard is in place." in run("check_guards").text
    assert warnings("default") == []


REPLACED = (
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql"
    " SET search_path = pg_catalog AS $$ BEGIN RETURN NULL; END $$"
)
NARROWED = (
    "CREATE OR REPLACE TRIGGER refuse_change_of_events BEFORE UPDATE ON events"
    " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();"
    "ALTER TABLE events ENABLE ALWAYS TRIGGER refuse_change_of_events"
)
SWALLOW = (
    "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
    "CREATE TRIGGER a BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION swallow()"
)
GUARD = "events.refuse_change_of_events"

ALONE = {
    "switched off": (
        "ALTER TABLE events DISABLE TRIGGER refuse_change_of_events",
        f"state of trigger {GUARD}",
    ),
    "all switched off": ("ALTER TABLE events DISABLE TRIGGER ALL", "foreign keys events"),
    "off in a session": (
        "ALTER TABLE events ENABLE TRIGGER refuse_change_of_events",
        f"state of trigger {GUARD}",
    ),
    "dropped": ("DROP TRIGGER refuse_change_of_events ON events", f"trigger {GUARD}"),
    "narrowed": (NARROWED, f"trigger {GUARD}"),
}
"""What is done to one trigger, each to a ledger of its own."""

TOGETHER = {
    "emptied": (REPLACED, "function refuse_change()"),
    "hash replaced": (
        "CREATE OR REPLACE FUNCTION public.content_hash_of(agent_id TEXT, authority_timestamp"
        " TIMESTAMPTZ, event_id UUID, event_type TEXT, hash_alg_version SMALLINT, local_timestamp"
        " TIMESTAMPTZ, payload_hash TEXT, prev_hash TEXT, sequence BIGINT, sig_alg_version"
        " SMALLINT, signing_key_id TEXT, witness_id TEXT) RETURNS TEXT LANGUAGE sql STABLE"
        " PARALLEL SAFE RETURN repeat('0', 64)",
        "body of function content_hash_of(text, timestamp with time zone, uuid, text, smallint,"
        " timestamp with time zone, text, text, bigint, smallint, text, text)",
    ),
    "a trigger more": (
        SWALLOW,
        "trigger events.a",
    ),
    "a rule": ("CREATE RULE hide AS ON INSERT TO events DO INSTEAD NOTHING", "rule events.hide"),
    "row security": ("ALTER TABLE events ENABLE ROW LEVEL SECURITY", "relation events"),
    "a child": ("CREATE TABLE more () INHERITS (events)", "inheritance more"),
    "not logged": (
        "ALTER TABLE clock_drift_warnings SET UNLOGGED",
        "relation clock_drift_warnings",
    ),
    "the view": (
        "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "ALTER VIEW canonical_events SET (security_barrier); DROP VIEW canonical_events",
        "view canonical_events",
    ),
    "any id twice": (
        "ALTER TABLE events DROP CONSTRAINT events_pkey CASCADE",
        "constraint events.events_pkey",
    ),
    "any number twice": (
        "ALTER TABLE events DROP CONSTRAINT events_sequence_key",
        "constraint events.events_sequence_key",
    ),
    "no number of its own": (
        "ALTER TABLE events ALTER sequence DROP DEFAULT",
        "column events.sequence",
    ),
    "by twos": ("ALTER SEQUENCE events_sequence_seq INCREMENT 2", "sequence events_sequence_seq"),
    "a right": ("GRANT UPDATE ON events TO portal_app", "rights on relation events to application"),
    "a column": (
        "GRANT UPDATE (payload) ON events TO portal_app",
        "rights on column events.payload to application",
    ),
    "everybody": ("GRANT DELETE ON appends TO PUBLIC", "rights on relation appends to everybody"),
    "a right less": (
        "REVOKE SELECT ON events FROM portal_observer",
        "rights on relation events to observer",
    ),
    "accounts": (
        "GRANT SELECT ON auth_user TO portal_observer",
        "reading beyond the ledger observer",
    ),
    "an owner's function": (
        "GRANT EXECUTE ON FUNCTION check_append TO portal_app",
        "rights on function check_append() to application",
    ),
    "the schema": (
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "rights on schema public to everybody",
    ),
    "the owner": (
        "ALTER TABLE ceremonies OWNER TO portal_app",
        "owner of relation ceremonies",
    ),
    "the database": (
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET session_replication_role = replica',"
        " current_database()); END $$",
        "setting session_replication_role of the database",
    ),
    "an event trigger": (
        "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
        "CREATE EVENT TRIGGER listening ON ddl_command_end EXECUTE FUNCTION e()",
        "event trigger listening",
    ),
}


def findings() -> set[str]:
    return {finding["name"] for finding in run("check_guards", "--json").json["findings"]}


@pytest.mark.parametrize(("statements", "name"), ALONE.values(), ids=ALONE.keys())
def test_finds_what_is_done_to_a_trigger(ledger: Ledger, statements: str, name: str) -> None:
    with ledger.connect("postgres") as superuser:
        superuser.execute(statements)
    assert run("check_guards").code == 1
    assert name in findings()


def test_finds_whatever_else_is_done(ledger: Ledger) -> None:
    """One thing after the other; each adds its finding."""
    with ledger.connect("postgres") as superuser:
        for what, (statements, name) in TOGETHER.items():
            before = findings()
            superuser.execute(statements)
            assert name in findings() - before, what


ROLES = {
    "superuser": ("ALTER ROLE portal_app SUPERUSER", "role application"),
    "another superuser": ("CREATE ROLE root SUPERUSER", "powerful role root"),
    "the owner's member": ("GRANT portal_owner TO portal_app", "membership application in owner"),
    "replication mode": (
        "ALTER ROLE portal_app SET session_replication_role = replica",
        "setting session_replication_role of application",
    ),
}


@pytest.mark.parametrize(("statement", "name"), ROLES.values(), ids=ROLES.keys())
def test_finds_roles_that_may_too_much(
    ledger: Ledger, settings: Settings, statement: str, name: str
) -> None:
    """Roles are the server's: they are put right again before the next test."""
    with ledger.connect("postgres") as superuser:
        superuser.execute(statement)
        try:
            ran = run("check_guards", "--json")
            settings.PORTAL_DATABASE_ADMINS = ["root"]
            known = run("check_guards", "--json")
        finally:
            superuser.execute("ALTER ROLE portal_app NOSUPERUSER")
            superuser.execute("ALTER ROLE portal_app RESET session_replication_role")
            superuser.execute("REVOKE portal_owner FROM portal_app")
            superuser.execute("DROP ROLE IF EXISTS root")
    assert name in {finding["name"] for finding in ran.json["findings"]}, ran.json["findings"]
    assert (known.code == 0) is ("root" in name)


def test_the_check_at_start_says_what_is_not_in_place(ledger: Ledger) -> None:
    with ledger.connect("postgres") as superuser:
        superuser.execute("ALTER TABLE events DISABLE TRIGGER refuse_change_of_events")
    (warning,) = warnings("default")
    assert GUARD in warning
    assert warnings() == [], "only where the database is asked for"


def warnings(*databases: str) -> list[str]:
    found = run_checks(databases=list(databases))
    return [str(each.msg) for each in found if each.id == "ledger.W001"]
