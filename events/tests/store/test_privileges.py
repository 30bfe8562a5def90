"""The roles that own nothing have exactly the rights they need, by the database's own catalogue."""

from __future__ import annotations

import psycopg
import pytest
from django.core.management import call_command

from events.tests.support.ledger import Ledger
from events.tests.support.raw_append import honest_row

LEDGER = {
    "events",
    "canonical_events",
    "appends",
    "agent_keys",
    "witnesses",
    "key_changes",
    "clock_drift_warnings",
    "ledger_config",
    "halt_state",
    "ceremonies",
    "drifted_events",
    "continuity_memory",
    "ceremony_voices",
    "person_keys",
    "unwritten_records",
    "ceremony_openings",
}
INSERTED_BY_APP = {"events", "ceremonies"}
ALL = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")

PRIVILEGES = """
SELECT c.relname, p FROM pg_class c, unnest(%s::text[]) p
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'p', 'm')
  AND (has_table_privilege(%s, c.oid, p)
       OR p IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
          AND has_any_column_privilege(%s, c.oid, p))
"""

FUNCTIONS = """
SELECT p.proname FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND has_function_privilege(%s, p.oid, 'EXECUTE')
"""

SEQUENCES = """
SELECT sequencename FROM pg_sequences
WHERE schemaname = 'public' AND has_sequence_privilege(%s, sequencename::text, %s)
"""


def privileges(ledger: Ledger, role: str) -> dict[str, set[str]]:
    held: dict[str, set[str]] = {}
    for table, privilege in ledger.query(PRIVILEGES, [list(ALL), role, role]):
        held.setdefault(table, set()).add(privilege)
    return held


def functions(ledger: Ledger, role: str) -> set[str]:
    return {name for (name,) in ledger.query(FUNCTIONS, [role])}


def test_the_application_reads_the_ledger_and_inserts_where_it_appends(ledger: Ledger) -> None:
    held = privileges(ledger, "portal_app")
    assert {table: held[table] for table in LEDGER} == {
        table: {"SELECT", "INSERT"} if table in INSERTED_BY_APP else {"SELECT"} for table in LEDGER
    }
    assert held["django_migrations"] == {"SELECT"}


def test_the_application_has_its_own_accounts_and_sessions(ledger: Ledger) -> None:
    held = privileges(ledger, "portal_app")
    for table in ("auth_user", "django_session", "api_tokens", "django_admin_log"):
        assert held[table] == {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert {"TRUNCATE", "REFERENCES", "TRIGGER"}.isdisjoint(set().union(*held.values()))


def test_the_observer_reads_the_ledger_and_nothing_else(ledger: Ledger) -> None:
    assert privileges(ledger, "portal_observer") == {table: {"SELECT"} for table in LEDGER}
    assert ledger.query(SEQUENCES, ["portal_observer", "USAGE,SELECT,UPDATE"]) == []


SECRETS = ["auth_user", "api_tokens", "django_session", "django_admin_log", "django_migrations"]


@pytest.mark.parametrize("table", SECRETS)
def test_the_observer_cannot_read_accounts(ledger: Ledger, table: str) -> None:
    with (
        ledger.connect("portal_observer") as observer,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        observer.execute(f"SELECT * FROM {table}")


def test_the_observer_can_read_and_verify(ledger: Ledger) -> None:
    ledger.write(3)
    with ledger.connect("portal_observer") as observer:
        for table in LEDGER:
            observer.execute(f"SELECT * FROM {table}")
        assert observer.execute("SELECT * FROM verify_chain()").fetchall() == []


def test_the_observer_cannot_append(ledger: Ledger) -> None:
    with ledger.connect("portal_observer") as observer:
        for statement in ("SELECT open_append()", "INSERT INTO events DEFAULT VALUES"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                observer.execute(statement)


READING = {
    "verify_chain",
    "signable_content",
    "content_hash_of",
    "unseen_characters",
    "is_text",
    "is_reason",
    "is_name",
    "name_fold",
    "latin_shape",
    "imitates_system",
    "ceremony_is_approved",
    "ceremonies_in_force",
    "canonical_time",
    "decided_threshold",
    "waiting_records",
    "proposal_expires",
}
ACTING = {
    "open_append",
    "begin_append",
    "confirm_append",
    "open_ledger",
    "halt_ledger",
    "remember_continuity",
    "open_ceremony",
}
QUEUE = "procrastinate_"
"""Name prefix of every object of the job queue."""


def test_functions_of_each_role(ledger: Ledger) -> None:
    queue = {name for name in functions(ledger, "portal_owner") if name.startswith(QUEUE)}
    assert queue
    assert functions(ledger, "portal_app") == READING | ACTING | queue
    assert functions(ledger, "portal_observer") == READING


def test_objects_created_later_by_the_owner_are_closed(ledger: Ledger) -> None:
    call_command("apply_grants")  # default rights do not come along with a cloned database
    with ledger.connect("portal_owner") as owner:
        owner.execute("CREATE TABLE later (id int)")
        owner.execute("CREATE FUNCTION later() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    for role in ("portal_app", "portal_observer"):
        assert "later" not in privileges(ledger, role)
        assert "later" not in functions(ledger, role)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE fresh (id BIGSERIAL)",
        "CREATE VIEW fresh AS SELECT * FROM events",
        "CREATE MATERIALIZED VIEW fresh AS SELECT * FROM auth_user",
        "CREATE SEQUENCE fresh",
    ],
)
def test_objects_that_the_grants_do_not_list_are_closed(ledger: Ledger, statement: str) -> None:
    """Also after somebody opened it, to a role or to everybody."""
    with ledger.connect("portal_owner") as owner:
        owner.execute(statement)
        for grantee in ("portal_app", "portal_observer", "PUBLIC"):
            owner.execute(f"GRANT ALL ON fresh TO {grantee}")
    call_command("apply_grants")
    acl = "SELECT count(*) FROM pg_class c, aclexplode(relacl) a WHERE relname LIKE 'fresh%%'"
    assert ledger.query(f"{acl} AND a.grantee <> c.relowner") == [(0,)]


def test_sequences_are_open_where_rows_are_inserted(ledger: Ledger) -> None:
    held = {name for (name,) in ledger.query(SEQUENCES, ["portal_app", "USAGE"])}
    assert "watch_looks_id_seq" in held
    assert {"clock_drift_warnings_id_seq", "django_migrations_id_seq"}.isdisjoint(held)


def test_grants_that_are_right_already_change_nothing_of_the_catalogue(ledger: Ledger) -> None:
    """Otherwise nobody could tell what somebody else changed and put back."""
    call_command("apply_grants")
    rows = (
        "SELECT 'class', oid, xmin::text FROM pg_class"
        " UNION ALL SELECT 'function', oid, xmin::text FROM pg_proc"
    )
    before = ledger.query(rows)
    call_command("apply_grants")
    assert set(ledger.query(rows)) == set(before)


def test_nobody_comes_in_or_makes_anything_by_being_anybody(ledger: Ledger) -> None:
    call_command("apply_grants")
    rights = "SELECT {} FROM (VALUES ('CONNECT'), ('CREATE'), ('TEMPORARY')) r (p)"
    held = (
        "array_agg(p ORDER BY p) FILTER (WHERE has_database_privilege(%s, current_database(), p))"
    )
    for role, expected in {
        "public": None,
        "portal_app": ["CONNECT"],
        "portal_observer": ["CONNECT"],
    }.items():
        assert ledger.query(rights.format(held), [role]) == [(expected,)], role
    with ledger.connect() as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("CREATE TABLE mine (id int)")


def test_the_queue_is_the_applications_alone(ledger: Ledger) -> None:
    held = privileges(ledger, "portal_app")
    tables = {table for table in privileges(ledger, "portal_owner") if table.startswith(QUEUE)}
    assert tables
    assert all(held[table] == {"SELECT", "INSERT", "UPDATE", "DELETE"} for table in tables)
    types = "SELECT typname FROM pg_type WHERE starts_with(typname, %s) AND typelem = 0 AND {}"
    usable = "has_type_privilege(%s, oid, 'USAGE')"
    assert ledger.query(types.format(usable), [QUEUE, "portal_observer"]) == []
    assert ledger.query(types.format(f"NOT {usable}"), [QUEUE, "portal_app"]) == []


def test_the_application_keeps_verifications_and_removes_none(ledger: Ledger) -> None:
    assert privileges(ledger, "portal_app")["verifications"] == {"SELECT", "INSERT", "UPDATE"}


def may_make_temporary_tables(ledger: Ledger) -> None:
    """Rights that the grants revoke and that somebody could grant again."""
    with ledger.connect("postgres") as superuser:
        superuser.execute(f"GRANT TEMPORARY ON DATABASE {ledger.name} TO portal_app")


def test_functions_with_the_owners_rights_fix_their_search_path(ledger: Ledger) -> None:
    """Otherwise a caller's own table or operator could be found before the ledger's."""
    assert (
        ledger.query(
            "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
            " AND NOT coalesce('search_path=pg_catalog, public, pg_temp' = ANY (proconfig), false)"
        )
        == []
    )


@pytest.mark.parametrize("function", ["check_append", "log_clock_drift", "guard_append"])
def test_the_owners_triggers_cannot_be_hung_on_a_table_of_ones_own(
    ledger: Ledger, function: str
) -> None:
    """They write with the owner's rights: fired by a forged table, they would write forged rows."""
    ledger.write(1)
    may_make_temporary_tables(ledger)
    with ledger.connect() as app:
        app.execute("CREATE TEMP TABLE forged (LIKE events)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(
                "CREATE TRIGGER forge AFTER INSERT ON forged REFERENCING NEW TABLE AS new_events"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
            )


def test_a_callers_own_tables_do_not_shadow_the_ledgers(ledger: Ledger) -> None:
    ledger.write(2)
    may_make_temporary_tables(ledger)
    with ledger.connect() as app:
        app.execute("CREATE TEMP TABLE halt_state (halted boolean, reason text)")
        app.execute("CREATE TEMP TABLE appends AS SELECT * FROM public.appends WHERE false")
        with app.transaction():
            assert honest_row(app)["sequence"] == 6


@pytest.mark.parametrize("role", ["portal_app", "portal_observer"])
def test_the_roles_own_nothing_and_are_nothing_special(ledger: Ledger, role: str) -> None:
    assert (
        ledger.query(
            "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) = %s"
            " UNION ALL SELECT proname FROM pg_proc WHERE pg_get_userbyid(proowner) = %s"
            " UNION ALL SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = %s",
            [role] * 3,
        )
        == []
    )
    assert ledger.query(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication"
        " FROM pg_roles WHERE rolname = %s",
        [role],
    ) == [(False,) * 5]
    assert ledger.query(
        "SELECT has_schema_privilege(%s, 'public', 'CREATE'),"
        " pg_has_role(%s, 'portal_owner', 'MEMBER')",
        [role, role],
    ) == [(False, False)]


def test_the_owner_is_not_a_superuser(ledger: Ledger) -> None:
    assert ledger.query("SELECT rolsuper FROM pg_roles WHERE rolname = 'portal_owner'") == [
        (False,)
    ]
    with (
        ledger.connect("portal_owner") as owner,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        owner.execute("SET session_replication_role = replica")


def test_the_grants_may_be_applied_again(ledger: Ledger) -> None:
    before = privileges(ledger, "portal_app"), functions(ledger, "portal_app")
    with ledger.connect("postgres") as superuser:
        superuser.execute("GRANT ALL ON events TO portal_app")
    call_command("apply_grants")
    assert (privileges(ledger, "portal_app"), functions(ledger, "portal_app")) == before
