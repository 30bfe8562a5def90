"""Settings of a role, a database or a server do not reach what the portal relies on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import connections

from events.append.queue import AppendQueue
from events.append.services import writer
from events.registrar import registrar
from events.store import ceremonies
from events.store.append import PipelinedAppend
from events.store.engine import base
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import Ledger, submission
from events.tests.support.waiting import until

HOSTILE = {
    "search_path": "evil, pg_catalog, public",
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "America/New_York",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "quote_all_identifiers": "on",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "gin_fuzzy_search_limit": "1",
    "client_min_messages": "debug5",
    "exit_on_error": "on",
    "plan_cache_mode": "force_custom_plan",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "statement_timeout": "40",
    "lock_timeout": "1",
    "idle_in_transaction_session_timeout": "40",
    "idle_session_timeout": "400",
    "synchronous_commit": "off",
}
SETTINGS = "SELECT name, setting FROM pg_settings WHERE name = ANY (%s) ORDER BY name"


def set_for_role(ledger: Ledger, role: str, name: str, value: str) -> None:
    """For sessions of the role in this database that begin from now on."""
    with ledger.connect("postgres") as superuser:
        value = value if name == "search_path" else f"'{value}'"
        superuser.execute(f"ALTER ROLE {role} IN DATABASE {ledger.name} SET {name} = {value}")
    connections.close_all()


def current(names: list[str]) -> list[Any]:
    with connections["default"].cursor() as cursor:
        cursor.execute(SETTINGS, [names])
        return list(cursor.fetchall())


@pytest.fixture
def unpinned(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """As behind a pooler: what a session set for itself is not there in the transaction."""
    connections.close_all()
    monkeypatch.setattr(base, "PINS", ())
    return ledger


def test_no_setting_of_a_role_is_left(ledger: Ledger) -> None:
    names = [
        name.lower() if name not in ("DateStyle", "IntervalStyle", "TimeZone") else name
        for name in HOSTILE
    ]
    before = current(names)
    assert len(before) == len(names)
    for name, value in HOSTILE.items():
        set_for_role(ledger, "portal_app", name, value)
    assert current(names) == before
    assert dict(before)["synchronous_commit"] == "on"
    ledger.write(2)
    with ThreadPoolExecutor(1) as pool:  # a connection of its own, as group commit has
        pool.submit(_write_grouped, 2).result()
    assert_intact(ledger, 4)


def _write_grouped(count: int) -> None:
    gathered = AppendQueue(writer())
    try:
        gathered.write_events([submission(number=n) for n in range(count)])
    finally:
        gathered.close()
        connections.close_all()


def test_a_stronger_commit_is_left_as_it_is(ledger: Ledger) -> None:
    set_for_role(ledger, "portal_app", "synchronous_commit", "remote_apply")
    assert current(["synchronous_commit"]) == [("synchronous_commit", "remote_apply")]
    with ledger.connect() as app:
        app.execute("BEGIN; SELECT open_append()")
        assert app.execute("SHOW synchronous_commit").fetchone() == ("remote_apply",)


OPENINGS = [
    "SELECT open_append()",
    "SELECT begin_append(1000)",
    "SELECT halt_ledger('a test')",
    "SELECT set_config('lock_timeout', '1', true); SELECT open_append()",
]


@pytest.mark.parametrize("weak", ["off", "local", "remote_write"])
@pytest.mark.parametrize("opening", OPENINGS)
def test_an_append_is_on_disk_whatever_the_session_sets(
    ledger: Ledger, opening: str, weak: str
) -> None:
    with ledger.connect() as app:
        app.execute(f"SET synchronous_commit = {weak}")
        app.execute("BEGIN")
        app.execute(opening.encode())
        assert app.execute("SHOW synchronous_commit").fetchone() == ("on",)
        app.execute("ROLLBACK")
        assert app.execute("SHOW synchronous_commit").fetchone() == (weak,)


def test_a_halt_that_does_not_get_the_lock_is_also_on_disk(ledger: Ledger) -> None:
    with ledger.connect() as holder, ledger.connect() as app:
        holder.execute("BEGIN; SELECT open_append()")
        app.execute("SET synchronous_commit = off; BEGIN")
        app.execute("SELECT halt_ledger('a test')")
        assert app.execute("SHOW synchronous_commit").fetchone() == ("on",)
        app.execute("COMMIT")


def test_an_append_says_its_own_isolation_and_commit(
    unpinned: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Group commit, on a connection that nothing was set on."""
    set_for_role(unpinned, "portal_app", "default_transaction_isolation", "repeatable read")
    set_for_role(unpinned, "portal_app", "synchronous_commit", "off")
    seen: list[Any] = []
    start = PipelinedAppend.start

    def look(append: PipelinedAppend) -> None:
        seen.append(
            append._connection.execute(
                "SELECT current_setting('transaction_isolation'),"
                " current_setting('synchronous_commit')"
            ).fetchone()
        )
        start(append)

    monkeypatch.setattr(PipelinedAppend, "start", look)
    _write_grouped(2)
    assert seen == [("read committed", "on")]


def test_many_processes_write_where_the_default_isolation_is_another(ledger: Ledger) -> None:
    """Two that append by turns, each behind the other's commit."""
    set_for_role(ledger, "portal_app", "default_transaction_isolation", "repeatable read")
    both = threading.Barrier(2)

    def write(ours: AppendQueue) -> None:
        try:
            for number in range(20):
                both.wait(30)
                ours.write_event(submission(number=number))
        finally:
            ours.close()
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(write, AppendQueue(writer())) for _ in range(2)]:
            future.result()
    assert_intact(ledger, 40)


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_an_append_that_would_not_see_the_head_is_refused(ledger: Ledger, level: str) -> None:
    with ledger.connect() as app:
        app.execute(f"BEGIN ISOLATION LEVEL {level}")
        with pytest.raises(psycopg.Error, match="FR7: an append is READ COMMITTED") as refused:
            app.execute("SELECT open_append()")
    assert refused.value.sqlstate == "AP003"


def test_a_transaction_of_djangos_is_read_committed(unpinned: Ledger) -> None:
    set_for_role(unpinned, "portal_app", "default_transaction_isolation", "serializable")
    unpinned.write(1)
    registrar().create_key("agent-9")
    assert_intact(unpinned, 2)


def test_a_halt_is_taken_at_any_isolation(unpinned: Ledger) -> None:
    with unpinned.connect() as app:
        app.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
        app.execute("SELECT halt_ledger('a test')")
        app.execute("COMMIT")
    assert unpinned.store.halt().halted
    assert not ceremonies.halt_ledger("default", reason="again", by=None)


@pytest.fixture
def evil(ledger: Ledger) -> Ledger:
    """A schema in front of pg_catalog, in which text is never equal to text."""
    with ledger.connect("postgres") as superuser:
        superuser.execute("CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO PUBLIC")
        superuser.execute(
            "CREATE FUNCTION evil.never(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false'"
        )
        superuser.execute(
            "CREATE OPERATOR evil.= (FUNCTION = evil.never, LEFTARG = text, RIGHTARG = text)"
        )
    set_for_role(ledger, "portal_app", "search_path", "evil, pg_catalog, public")
    set_for_role(ledger, "portal_app", "synchronous_commit", "remote_apply")
    return ledger


def test_operators_in_front_of_the_catalogue_are_not_asked(evil: Ledger) -> None:
    with evil.connect() as app:
        assert app.execute("SELECT 'a'::text = 'a'::text").fetchone() == (False,)
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 'a'::text = 'a'::text, current_setting('synchronous_commit')")
        assert cursor.fetchone() == (True, "remote_apply")
    evil.write(1)
    assert_intact(evil, 1)


def test_a_silent_session_with_the_lock_is_ended(unpinned: Ledger) -> None:
    """A process that was stopped in the middle of an append, or somebody's forgotten psql."""
    with unpinned.connect("postgres") as superuser:
        source = unpinned.query("SELECT pg_get_functiondef('lock_ledger'::regproc)")[0][0]
        assert "'30000'" in source
        superuser.execute(source.replace("'30000'", "'50'").encode())
    with unpinned.connect() as silent:
        silent.execute("BEGIN; SELECT open_append()")
        until(lambda: not holds(unpinned, silent.info.backend_pid))
        unpinned.write(1)
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            silent.execute("SELECT 1")
        silent.close()


def holds(ledger: Ledger, pid: int) -> bool:
    """Tells whether a process holds the ledger's lock."""
    return bool(ledger.query("SELECT 1 FROM pg_locks WHERE pid = %s AND granted", [pid]))
