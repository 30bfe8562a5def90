"""The ledger's lock: who may take it, and what is said of somebody who does not give it back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connections
from django.test import Client
from structlog.testing import capture_logs

from events.append.queue import AppendQueue
from events.append.services import writer
from events.errors import LedgerHeldError
from events.halting import halt
from events.registrar import registrar
from events.store import locks
from events.store.locks import Holder, holders
from events.tests.support import api
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import Ledger, submission
from events.tests.support.waiting import until

LOCK = "LOCK TABLE ledger_config IN SHARE UPDATE EXCLUSIVE MODE"
FORMER_LOCK = 4707744067223307588
HOLDINGS = {
    "an opening of the application": ("portal_app", "SELECT open_append()"),
    "the lock itself": ("portal_owner", LOCK),
    "a table that is locked against inserts": ("portal_owner", "LOCK TABLE events IN SHARE MODE"),
    "a table that is locked against everything": ("postgres", "LOCK TABLE appends"),
}


@pytest.fixture
def gathered() -> Iterator[AppendQueue]:
    """A group commit of this test alone."""
    gathered = AppendQueue(writer())
    yield gathered
    gathered.close()


@contextmanager
def held(ledger: Ledger, role: str, statement: str) -> Iterator[int]:
    """Somebody holds it, idle in a transaction; the process that does."""
    with ledger.connect(role) as holder:
        holder.execute("BEGIN")
        holder.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        holder.execute(statement.encode())
        yield holder.info.backend_pid
        holder.execute("ROLLBACK")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips the seconds of waiting: two looks at a silent holder are enough."""
    monkeypatch.setattr(locks, "FIRST_PATIENCE_MS", 100)
    monkeypatch.setattr(locks, "SILENT_SECONDS", 0.05)
    monkeypatch.setattr(locks, "HELD_SECONDS", 0.1)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("holding", HOLDINGS)
def test_a_session_that_keeps_the_lock_is_named_and_not_waited_for(
    ledger: Ledger, holding: str
) -> None:
    caller = api.agent()
    caller.post("events", api.event())
    with held(ledger, *HOLDINGS[holding]) as pid, capture_logs() as lines:
        for path, body in (("events", api.event()), ("events/batch", [api.event()])):
            answer = caller.post(path, body)
            api.problem(answer, 503, "ledger-locked")
            assert answer["Retry-After"] == "5"
        ready = Client().get("/readyz")
        figures = Client().get("/metrics").content.decode()
    assert ready.status_code == 503
    assert ready.json()["checks"]["lock"] == "failed"
    assert ready.json()["lock_holder"]["pid"] == pid
    assert "audit_portal_ready 0.0" in figures
    assert f'audit_portal_lock_held_seconds{{gid="",pid="{pid}"}}' in figures
    told = [line for line in lines if line["event"] == "ledger_lock_held"]
    assert [line["pid"] for line in told] == [pid]
    assert any(f"process {pid} of role {HOLDINGS[holding][0]}" in str(line) for line in lines)
    assert caller.post("events", api.event()).status_code == 201
    assert Client().get("/readyz").status_code == 200
    assert 'lock_held_seconds{gid="",pid=""} 0.0' in Client().get("/metrics").content.decode()
    assert_intact(ledger, 2)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("holding", HOLDINGS)
def test_direct_writes_also_report_who_holds_the_lock(ledger: Ledger, holding: str) -> None:
    with held(ledger, *HOLDINGS[holding]), pytest.raises(LedgerHeldError):
        ledger.write()


def test_a_new_key_also_reports_who_holds_the_lock(ledger: Ledger) -> None:
    with ledger.connect("postgres") as superuser:
        source = ledger.query("SELECT pg_get_functiondef('open_append'::regproc)")[0][0]
        assert "DEFAULT 5000" in source
        superuser.execute(source.replace("DEFAULT 5000", "DEFAULT 50").encode())
    with held(ledger, "portal_owner", LOCK), pytest.raises(LedgerHeldError):
        registrar().create_key("agent-9")
    registrar().create_key("agent-9")


@pytest.mark.usefixtures("impatient")
def test_a_halt_does_not_wait(ledger: Ledger) -> None:
    with held(ledger, "portal_owner", LOCK):
        halted = halt(writer(), reason="a test", by="keeper")
    assert halted.is_new
    assert "that another transaction holds" in (halted.unwitnessed_because or "")


@pytest.mark.usefixtures("impatient")
def test_recorded_events_are_found_while_the_ledger_is_locked(
    ledger: Ledger, gathered: AppendQueue
) -> None:
    same = submission(event_id="0191d7a0-0000-7000-8000-00000000000b")
    first = gathered.write_event(same).event
    with held(ledger, "portal_owner", LOCK):
        found = gathered.write_event(same)
        with pytest.raises(LedgerHeldError):
            gathered.write_event(submission())
    assert (found.created, found.event.content_hash) == (False, first.content_hash)


def test_a_lock_that_moves_is_waited_for(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Holders that work, each for many times the first patience, and together for longer than a
    silent one would be waited for."""
    monkeypatch.setattr(locks, "FIRST_PATIENCE_MS", 20)
    monkeypatch.setattr(locks, "MOST_PATIENCE_MS", 40)
    monkeypatch.setattr(locks, "SILENT_SECONDS", 0.1)
    looks: list[Holder | None] = []
    look = holders.look

    def noted(using: str) -> Holder | None:
        looks.append(look(using))
        return looks[-1]

    monkeypatch.setattr(holders, "look", noted)
    with ThreadPoolExecutor(1) as pool, ledger.connect() as working:
        working.execute("BEGIN; SELECT open_append()")
        answer = pool.submit(_written, gathered)
        # One message, so that the holder is never idle between its statements.
        working.execute(3 * "SELECT pg_sleep(0.3); ROLLBACK; BEGIN; SELECT open_append(); ")
        until(lambda: len(looks) > 2)
        working.execute("ROLLBACK")
        assert answer.result() == 4
    assert_intact(ledger, 1)


def test_a_holder_that_pauses_between_its_statements_is_waited_for(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every look comes in a pause of a transaction held for far longer than a silent one may be."""
    monkeypatch.setattr(locks, "FIRST_PATIENCE_MS", 20)
    monkeypatch.setattr(locks, "MOST_PATIENCE_MS", 40)
    monkeypatch.setattr(locks, "SILENT_SECONDS", 1)
    looks: list[Holder | None] = []
    look = holders.look
    with ThreadPoolExecutor(1) as pool, ledger.connect() as working:

        def noted(using: str) -> Holder | None:
            working.execute("SELECT")  # it works until right before the look
            looks.append(look(using))
            return looks[-1]

        monkeypatch.setattr(holders, "look", noted)
        working.execute("BEGIN; SELECT open_append()")
        answer = pool.submit(_written, gathered)
        until(lambda: any(each and each.seen_seconds > 1.5 for each in looks))
        assert not answer.done()
        working.execute("ROLLBACK")
        assert answer.result() == 4
    assert_intact(ledger, 1)


def _written(gathered: AppendQueue) -> int:
    try:
        return gathered.write_event(submission()).event.sequence
    finally:
        connections.close_all()


READER_TRIES = [
    LOCK,
    *(
        f"LOCK TABLE {table} IN {mode} MODE"
        for table in ("ledger_config", "events", "appends", "halt_state")
        for mode in ("ROW SHARE", "SHARE UPDATE EXCLUSIVE", "SHARE", "ACCESS EXCLUSIVE")
    ),
    "SELECT * FROM ledger_config FOR UPDATE",
    "SELECT * FROM halt_state FOR KEY SHARE",
    "SELECT lock_ledger()",
    "SELECT open_append()",
    "SELECT begin_append(1)",
    "SELECT halt_ledger('a test')",
    "SELECT setval('append_opened_at', 1)",
    "VACUUM FULL ledger_config",
]


@pytest.mark.parametrize("statement", READER_TRIES)
def test_a_role_that_may_only_read_cannot_take_the_lock(ledger: Ledger, statement: str) -> None:
    with ledger.connect("portal_observer") as observer:
        if not statement.startswith("VACUUM"):
            observer.execute("BEGIN")
        try:
            observer.execute(statement.encode())
        except psycopg.errors.InsufficientPrivilege:
            observer.execute("ROLLBACK")
        ledger.write(1)
    assert_intact(ledger, 1)


def test_no_advisory_lock_keeps_an_append_waiting(ledger: Ledger) -> None:
    """Anybody who may connect may take one; it was the ledger's lock before."""
    with ledger.connect("portal_observer") as observer, ledger.connect("portal_observer") as other:
        observer.execute("SELECT pg_advisory_lock(%s)", [FORMER_LOCK])
        other.execute("BEGIN; LOCK TABLE ledger_config, events, appends IN ACCESS SHARE MODE")
        ledger.write(2)
    assert_intact(ledger, 2)


def test_no_advisory_lock_keeps_a_ceremony_or_the_memory_waiting(ledger: Ledger) -> None:
    """All of one key after another, as far as anybody knows them: none is asked for."""
    sources = ledger.query(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        " AND NOT starts_with(proname, 'procrastinate_') AND prosrc ~ 'advisory'"
    )
    assert sources == []


@pytest.mark.parametrize("role", ["portal_app", "portal_observer"])
def test_the_reading_of_the_clock_is_the_owners(ledger: Ledger, role: str) -> None:
    for statement in ("SELECT setval('append_opened_at', 1)", "SELECT nextval('append_opened_by')"):
        with (
            ledger.connect(role) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement.encode())
