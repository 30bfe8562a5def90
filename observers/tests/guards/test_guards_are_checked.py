"""`check_guards` against a real catalogue: every way to disable a guard has its finding. A guard is
compared by what it does, not by its name."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connections
from pytest_django import Settings

from events.store.connection import LedgerUnavailableError
from events.store.guards import DURABLE, read_guards, read_versions
from events.tests.support.ledger import Ledger
from observers.guards.comparison import to_document
from observers.guards.look import EXPECTED
from observers.tests.support.commands import run


def test_the_expectations_are_those_of_a_fresh_ledger(ledger: Ledger) -> None:
    state = read_guards()
    if state.major != json.loads(EXPECTED.read_text())["postgresql"]:
        pytest.skip("the expectations are of another PostgreSQL")
    found = to_document(state.major, state.facts)
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
"""Changes to one trigger, each tried on a ledger of its own."""

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
    "a child": ("CREATE TABLE more () INHERITS (events)", "inheritance public.more"),
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
    "temporary tables": (
        "DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC',"
        " current_database()); END $$",
        "rights on database it to everybody",
    ),
    "a catalogue's view in front": (
        "CREATE VIEW information_schema.pg_trigger AS SELECT * FROM pg_catalog.pg_trigger",
        "shadow information_schema.pg_trigger",
    ),
    "a ledger's view in front": (
        "SET allow_system_table_mods = on; CREATE VIEW pg_catalog.access_log AS"
        " SELECT * FROM public.access_log LIMIT 0; RESET allow_system_table_mods",
        "shadow pg_catalog.access_log",
    ),
    "an operator elsewhere": (
        "CREATE SCHEMA evil; CREATE FUNCTION evil.yes(jsonb, jsonb) RETURNS boolean LANGUAGE sql"
        " AS 'SELECT true'; CREATE OPERATOR evil.= (LEFTARG = jsonb, RIGHTARG = jsonb,"
        " FUNCTION = evil.yes)",
        "shadow evil.=(jsonb, jsonb)",
    ),
    "an aggregate elsewhere": (
        "CREATE AGGREGATE evil.count(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0')",
        "shadow evil.count",
    ),
    "a type elsewhere": ("CREATE DOMAIN evil.jsonb AS text", "shadow evil.jsonb"),
    "a cast": (
        "CREATE FUNCTION evil.f(text) RETURNS uuid LANGUAGE sql AS $$ SELECT NULL::uuid $$;"
        "CREATE CAST (text AS uuid) WITH FUNCTION evil.f(text) AS IMPLICIT",
        "cast text to uuid",
    ),
    "a function of PostgreSQL": (
        "CREATE OR REPLACE FUNCTION pg_catalog.pg_get_triggerdef(oid) RETURNS text LANGUAGE sql"
        " STABLE STRICT AS $$ SELECT 'all is well' $$",
        "catalogue functions of PostgreSQL",
    ),
    "a catalogue that hides rows": (
        "SET allow_system_table_mods = on; ALTER TABLE pg_publication ENABLE ROW LEVEL SECURITY;"
        " RESET allow_system_table_mods",
        "catalogue pg_publication",
    ),
    "another catalogue": (
        "SET allow_system_table_mods = on; ALTER TABLE pg_policy RENAME TO pg_policy_kept;"
        " CREATE VIEW pg_catalog.pg_policy AS SELECT * FROM pg_policy_kept LIMIT 0;"
        " GRANT SELECT ON pg_catalog.pg_policy TO PUBLIC;"
        " RESET allow_system_table_mods",
        "catalogue pg_policy",
    ),
    "no trigger fires": (
        "UPDATE pg_class SET relhastriggers = false WHERE relname = 'access_log'",
        "flag of relation access_log",
    ),
    "no check is made": (
        "UPDATE pg_class SET relchecks = 0 WHERE relname = 'appends'",
        "flag of relation appends",
    ),
    "no index is kept up": (
        "UPDATE pg_class SET relhasindex = false WHERE relname = 'witnesses'",
        "flag of relation witnesses",
    ),
    "an index not kept up": (
        "UPDATE pg_index SET indisready = false WHERE indexrelid = 'agent_keys_pkey'::regclass",
        "state of index agent_keys_pkey",
    ),
    "an index checked later": (
        "UPDATE pg_index SET indimmediate = false WHERE indexrelid = 'appends_pkey'::regclass",
        "state of index appends_pkey",
    ),
    "a check not validated": (
        "UPDATE pg_constraint SET convalidated = false WHERE conname = 'appends_check'",
        "state of constraint appends.appends_check",
    ),
    "a rule called _RETURN": (
        "CREATE RULE swallow AS ON INSERT TO clock_drift_warnings DO INSTEAD NOTHING;"
        "UPDATE pg_rewrite SET rulename = '_RETURN' WHERE rulename = 'swallow'",
        "rule clock_drift_warnings._RETURN",
    ),
    "a trigger called internal": (
        "CREATE TRIGGER hidden BEFORE INSERT ON ceremonies FOR EACH ROW"
        " EXECUTE FUNCTION swallow();"
        "UPDATE pg_trigger SET tgisinternal = true WHERE tgname = 'hidden'",
        "trigger ceremonies.hidden",
    ),
    "a foreign key not checked": (
        "DELETE FROM pg_trigger WHERE tgrelid = 'api_tokens'::regclass"
        " AND tgisinternal AND tgtype = 5",
        "foreign key checks api_tokens",
    ),
    "a default that is none": (
        "UPDATE pg_attribute SET atthasdef = false WHERE attrelid = 'ceremonies'::regclass"
        " AND attname = 'recorded_at'",
        "column ceremonies.recorded_at",
    ),
    "a publication": (
        "CREATE PUBLICATION outwards FOR ALL TABLES",
        "publication outwards",
    ),
    "a foreign server": (
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER elsewhere FOREIGN DATA WRAPPER w",
        "foreign server elsewhere",
    ),
    "default rights": (
        "ALTER DEFAULT PRIVILEGES FOR ROLE portal_owner GRANT ALL ON TABLES TO portal_app",
        "default rights owner gives on new tables to application",
    ),
    "a column of the accounts": (
        "GRANT SELECT (password) ON auth_user TO PUBLIC",
        "reading beyond the ledger everybody",
    ),
    "an event trigger": (
        "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
        "CREATE EVENT TRIGGER listening ON ddl_command_end EXECUTE FUNCTION e()",
        "event trigger listening",
    ),
    "a catalogue that nobody may read": (
        "REVOKE SELECT ON pg_catalog.pg_publication FROM PUBLIC",
        "reading guard_surroundings",
    ),
    "a table that is gone": ("DROP TABLE continuity_memory", "relation continuity_memory"),
    "a table that decisions are in": ("DROP TABLE person_keys CASCADE", "reading decision_facts"),
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


MEMBERS = {
    "in the application": (
        "CREATE ROLE mallory; GRANT portal_app TO mallory",
        "membership mallory in application",
    ),
    "in the observer": (
        "CREATE ROLE mallory; GRANT portal_observer TO mallory",
        "membership mallory in observer",
    ),
    "by way of another": (
        "CREATE ROLE between; CREATE ROLE mallory; GRANT portal_owner TO between;"
        " GRANT between TO mallory",
        "membership mallory in owner",
    ),
    "writes all data": (
        "CREATE ROLE mallory; GRANT pg_write_all_data TO mallory",
        "membership mallory in pg_write_all_data",
    ),
    "runs programs, by way of another": (
        "CREATE ROLE between; CREATE ROLE mallory; GRANT pg_execute_server_program TO between;"
        " GRANT between TO mallory",
        "membership mallory in pg_execute_server_program",
    ),
    "in a superuser": (
        "CREATE ROLE mallory; GRANT postgres TO mallory",
        "membership mallory in postgres",
    ),
    "the application reads all": (
        "GRANT pg_read_all_data TO portal_app",
        "membership application in pg_read_all_data",
    ),
    "writes where accounts are": (
        "CREATE ROLE mallory; GRANT INSERT ON auth_user TO mallory",
        "rights beyond the ledger auth_user to mallory",
    ),
}


@pytest.mark.parametrize(("statements", "name"), MEMBERS.values(), ids=MEMBERS.keys())
def test_finds_who_may_become_what_no_right_stops(
    ledger: Ledger, statements: str, name: str
) -> None:
    with ledger.connect("postgres") as superuser:
        superuser.execute(statements)
        try:
            found = findings()
        finally:
            for role in ("mallory", "between"):
                if superuser.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).rowcount:
                    superuser.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
            superuser.execute("REVOKE pg_read_all_data FROM portal_app")
    assert name in found
    assert findings() == set()


DEVIATING = {
    "search_path": "evil, pg_catalog, public",
    "role": "postgres",
    "synchronous_commit": "off",
    "session_replication_role": "replica",
    "default_transaction_read_only": "on",
    "row_security": "off",
    "session_preload_libraries": "",
    "lo_compat_privileges": "on",
}
HARMLESS = {
    "DateStyle": "German, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "America/New_York",
    "bytea_output": "escape",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "extra_float_digits": "-5",
    "lc_numeric": "C",
    "statement_timeout": "1h",
    "idle_in_transaction_session_timeout": "1h",
    "work_mem": "8MB",
    "log_statement": "all",
    "application_name": "mine",
    "enable_seqscan": "off",
    "synchronous_commit": "remote_write",
    "transform_null_equals": "on",
}


@pytest.mark.parametrize("whose", ["ROLE portal_app", "ROLE portal_app IN DATABASE", "DATABASE"])
def test_settings_that_sessions_begin_with(ledger: Ledger, whose: str) -> None:
    """Settings that only format, plan, limit or log are no findings, and cause none elsewhere;
    every other one is a finding."""
    database = f'"{ledger.name}"' if whose.endswith("DATABASE") else ""
    named = {
        "ROLE portal_app": "application",
        "ROLE portal_app IN DATABASE": "application, in the database",
        "DATABASE": "the database",
    }[whose]
    with ledger.connect("postgres") as superuser:
        try:
            for setting, value in HARMLESS.items():
                superuser.execute(f"ALTER {whose} {database} SET {setting} = '{value}'")
            connections.close_all()
            expected = {f"setting transform_null_equals of {named}"}
            assert findings() == expected
            superuser.execute(f"ALTER {whose} {database} RESET ALL")
            for setting, value in DEVIATING.items():
                value = f"'{value}'" if setting != "search_path" else value
                superuser.execute(f"ALTER {whose} {database} SET {setting} = {value}")
            assert findings() == {f"setting {setting} of {named}" for setting in DEVIATING}
        finally:
            superuser.execute(f"ALTER {whose} {database} RESET ALL")


def test_says_that_what_is_acknowledged_may_be_lost(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server of the tests runs without fsync."""
    monkeypatch.setattr("events.store.guards.DURABLE", DURABLE)
    assert findings() == {"setting fsync", "setting full_page_writes"}
    with ledger.connect("postgres") as superuser:
        superuser.execute("ALTER SYSTEM SET synchronous_commit = off")
        superuser.execute("SELECT pg_reload_conf()")
        try:
            while superuser.execute("SHOW synchronous_commit").fetchone() != ("off",):
                time.sleep(0.05)
            connections.close_all()
            assert "setting synchronous_commit" in findings()
        finally:
            superuser.execute("ALTER SYSTEM RESET synchronous_commit")
            superuser.execute("SELECT pg_reload_conf()")


def test_objects_of_an_extension_are_accepted_and_objects_added_to_one_are_not(
    ledger: Ledger,
) -> None:
    with ledger.connect("postgres") as superuser:
        superuser.execute("CREATE EXTENSION pg_stat_statements SCHEMA public")
        superuser.execute("CREATE EXTENSION pg_trgm SCHEMA public")
        assert findings() == set()
        superuser.execute("CREATE VIEW public.mine AS SELECT 1 AS one")
        superuser.execute("ALTER EXTENSION pg_stat_statements ADD VIEW public.mine")
        superuser.execute("CREATE FUNCTION mine() RETURNS INT LANGUAGE sql AS 'SELECT 1'")
        superuser.execute("ALTER EXTENSION pg_trgm ADD FUNCTION public.mine()")
    assert {"view mine", "function mine()"} <= findings()


def test_maintenance_is_not_reported_as_a_change(ledger: Ledger) -> None:
    """The versions of guards hold through VACUUM and ANALYZE, which write their catalogue rows in
    place, and through everything that the portal itself does."""
    before = read_versions()
    ledger.write(20)
    with ledger.connect("postgres") as superuser:
        for statement in ("VACUUM", "ANALYZE", "VACUUM (FREEZE, ANALYZE)", "CHECKPOINT"):
            superuser.execute(statement)
    call_command("apply_grants")
    ledger.write(2)
    assert read_versions() == before


PUT_BACK = {
    "table events": "UPDATE pg_class SET relhastriggers = {} WHERE relname = 'events'",
    "index events_sequence_key": (
        "UPDATE pg_index SET indisready = {} WHERE indexrelid = 'events_sequence_key'::regclass"
    ),
    "constraint appends.appends_check": (
        "UPDATE pg_constraint SET convalidated = {} WHERE conname = 'appends_check'"
    ),
    "trigger events.check_append_on_insert": (
        "UPDATE pg_trigger SET tgisinternal = NOT {} WHERE tgname = 'check_append_on_insert'"
    ),
    "rule canonical_events._RETURN": (
        "UPDATE pg_rewrite SET is_instead = {} WHERE ev_class = 'canonical_events'::regclass"
    ),
    "function refuse_change()": (
        "UPDATE pg_proc SET proisstrict = NOT {} WHERE proname = 'refuse_change'"
    ),
}


@pytest.mark.parametrize("name", PUT_BACK)
def test_an_object_altered_and_restored_has_another_version(ledger: Ledger, name: str) -> None:
    before = read_versions()
    with ledger.connect("postgres") as superuser:
        for value in ("false", "true"):
            superuser.execute(PUT_BACK[name].format(value))
    after = read_versions()
    assert findings() == set()
    assert [key for key in before if after[key] != before[key]] == [name]


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


@pytest.mark.parametrize("place", range(3))
def test_a_connection_lost_during_the_comparison_is_not_a_deviation(
    ledger: Ledger, place: int
) -> None:
    connection = connections["default"]
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    savepoints = itertools.count()

    def lose(execute: Any, statement: Any, *arguments: Any) -> Any:
        if str(statement).startswith("SAVEPOINT") and next(savepoints) == place:
            ledger.query("SELECT pg_terminate_backend(%s, 10000)", [pid])
        return execute(statement, *arguments)

    with connection.execute_wrapper(lose), pytest.raises(LedgerUnavailableError):
        read_guards()
    assert next(savepoints) > place
