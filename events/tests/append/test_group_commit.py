"""Group commit: what many threads ask for at once goes in together, and fails apart."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NoReturn

import psycopg
import pytest
import structlog
from django.db import connections
from structlog.testing import capture_logs

from events.append.pending import Written
from events.append.queue import MAX_EVENTS, AppendQueue
from events.append.services import writer
from events.errors import (
    EventIdConflictError,
    NoActiveKeyError,
    QueueFullError,
    SystemHaltedError,
)
from events.format.event import Event
from events.halting import halt
from events.registrar import registrar
from events.store.append import PipelinedAppend
from events.store.connection import LedgerUnavailableError
from events.submission import Submission
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import OPENING, Ledger, submission
from events.tests.support.waiting import until

LOCK = "LOCK TABLE ledger_config IN SHARE UPDATE EXCLUSIVE MODE"
SAME_ID = "0191d7a0-0000-7000-8000-00000000000a"


@pytest.fixture
def gathered() -> AppendQueue:
    """A group commit of this test alone."""
    return AppendQueue(writer())


def call(gathered: AppendQueue, wanted: Sequence[Submission]) -> list[Written]:
    """Acts as one thread of a server."""
    try:
        return gathered.write_events(wanted)
    finally:
        connections.close_all()


@contextmanager
def held_back(ledger: Ledger) -> Iterator[None]:
    """Somebody else holds the ledger's lock, so that the first group waits and others queue."""
    with ledger.connect("portal_owner") as stranger, pytest.MonkeyPatch.context() as patient:
        patient.setattr("events.store.locks.FIRST_PATIENCE_MS", 30_000)
        stranger.execute(f"BEGIN; {LOCK}")
        yield
        stranger.execute("ROLLBACK")


def queue_up(
    ledger: Ledger, gathered: AppendQueue, requests: Sequence[Sequence[Submission]]
) -> list[Future[list[Written]]]:
    """Have one event wait for the ledger's lock, and all `requests` behind it in order."""
    with ThreadPoolExecutor(len(requests) + 1) as pool:
        with held_back(ledger):
            futures = [pool.submit(call, gathered, [submission({"first": True})])]
            until(lambda: waits_for_the_lock(ledger))
            for number, wanted in enumerate(requests, start=2):
                futures.append(pool.submit(call, gathered, wanted))
                until(lambda number=number: gathered.waiting == number)  # type: ignore[misc]
        return futures[1:]


def waits_for_the_lock(ledger: Ledger) -> bool:
    return bool(ledger.query("SELECT 1 FROM pg_locks WHERE locktype = 'relation' AND NOT granted"))


def appends(ledger: Ledger) -> list[tuple[int, int]]:
    """First and last sequence of each transaction behind the opening."""
    return ledger.query(
        "SELECT first_sequence, last_sequence FROM appends WHERE first_sequence > %s ORDER BY 1",
        [OPENING],
    )


def test_waiting_requests_go_into_one_transaction(ledger: Ledger, gathered: AppendQueue) -> None:
    requests = [[submission(number=n)] for n in range(10)]
    futures = queue_up(ledger, gathered, requests)
    assert [f.result()[0].event.sequence for f in futures] == list(range(5, 15))
    assert [f.result()[0].event.payload for f in futures] == [
        f'{{"number":{n}}}' for n in range(10)
    ]
    assert appends(ledger) == [(4, 14)]
    assert_intact(ledger, 11)


def test_a_batch_stays_together_and_in_order(ledger: Ledger, gathered: AppendQueue) -> None:
    requests = [[submission(number=n) for n in range(count)] for count in (3, 1, 5)]
    futures = queue_up(ledger, gathered, requests)
    got = [[one.event.sequence for one in f.result()] for f in futures]
    assert got == [[5, 6, 7], [8], [9, 10, 11, 12, 13]]


def test_a_transaction_carries_a_bounded_number_of_events(
    ledger: Ledger, gathered: AppendQueue
) -> None:
    half = [submission(number=n) for n in range(MAX_EVENTS // 2)]
    futures = queue_up(ledger, gathered, [half, half, [submission()]])
    assert [len(f.result()) for f in futures] == [500, 500, 1]
    assert appends(ledger) == [(4, 504), (505, 1005)]


FAULTY: list[tuple[str, Submission, type[Exception]]] = [
    ("no key", submission(agent_id="stranger"), NoActiveKeyError),
    ("conflict", submission({"other": 1}, event_id=SAME_ID), EventIdConflictError),
]


@pytest.mark.parametrize(
    ("faulty", "error"), [case[1:] for case in FAULTY], ids=[case[0] for case in FAULTY]
)
def test_one_bad_request_fails_alone(
    ledger: Ledger, gathered: AppendQueue, faulty: Submission, error: type[Exception]
) -> None:
    writer().write_event(submission({"taken": 1}, event_id=SAME_ID))
    good = [[submission(number=n)] for n in range(4)]
    futures = queue_up(ledger, gathered, [*good[:2], [submission(), faulty], *good[2:]])
    assert isinstance(futures[2].exception(), error)
    kept = [f.result()[0].event.payload for n, f in enumerate(futures) if n != 2]
    assert kept == [f'{{"number":{n}}}' for n in range(4)]
    assert_intact(ledger, 6)


def test_a_row_the_database_refuses_fails_alone(ledger: Ledger, gathered: AppendQueue) -> None:
    refused = submission(event_type="tab\there")  # a Submission that nobody validated
    futures = queue_up(ledger, gathered, [[submission()], [refused], [submission()]])
    assert futures[1].exception() is not None
    assert [f.result()[0].created for f in (futures[0], futures[2])] == [True, True]
    assert_intact(ledger, 3)


def test_the_same_event_from_two_callers_is_written_once(
    ledger: Ledger, gathered: AppendQueue
) -> None:
    same = submission({"same": 1}, event_id=SAME_ID, local_timestamp=datetime.now(UTC))
    futures = queue_up(ledger, gathered, [[same], [same]])
    first, second = (f.result()[0] for f in futures)
    assert (first.created, second.created) == (True, False)
    assert first.event == second.event
    assert_intact(ledger, 2)


def test_a_halt_reaches_every_caller(ledger: Ledger, gathered: AppendQueue) -> None:
    with ThreadPoolExecutor(4) as pool, held_back(ledger):
        futures = [pool.submit(call, gathered, [submission()]) for _ in range(4)]
        until(lambda: gathered.waiting == 4)
        ledger.query("SELECT halt_ledger('test')")
    assert all(isinstance(f.exception(), SystemHaltedError) for f in futures)
    assert ledger.store.get_max_sequence() == OPENING


def test_events_of_a_halted_ledger_are_found(ledger: Ledger, gathered: AppendQueue) -> None:
    taken = submission({"taken": 1}, event_id=SAME_ID)
    first = gathered.write_event(taken).event
    halt(writer(), reason="a test", by="keeper")
    other = submission({"other": 1}, event_id=SAME_ID)
    futures = queue_up_unlocked(gathered, [[taken], [other], [taken, submission()]])
    (found,) = futures[0].result()
    assert (found.created, found.event.sequence) == (False, first.sequence)
    assert isinstance(futures[1].exception(), EventIdConflictError)
    assert isinstance(futures[2].exception(), SystemHaltedError)
    assert_intact(ledger, 2)


def kill_connections(ledger: Ledger) -> None:
    """End the connections of the application; this thread's own is made anew."""
    connections.close_all()
    ledger.query(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = 'portal_app'"
    )


def test_a_connection_lost_while_nobody_asked_costs_nobody_anything(
    ledger: Ledger, gathered: AppendQueue
) -> None:
    gathered.write_event(submission())
    kill_connections(ledger)
    assert gathered.write_event(submission()).event.sequence == 5


def test_a_database_that_stays_away_is_reported_to_all_callers(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(append: PipelinedAppend, before_waiting: object) -> NoReturn:
        raise psycopg.OperationalError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(PipelinedAppend, "open", away)
        futures = queue_up_unlocked(gathered, [[submission()]] * 3)
        assert all(isinstance(f.exception(), LedgerUnavailableError) for f in futures)
    assert gathered.write_event(submission()).event.sequence == 4


def queue_up_unlocked(
    gathered: AppendQueue, requests: Sequence[Sequence[Submission]]
) -> list[Future[list[Written]]]:
    with ThreadPoolExecutor(len(requests)) as pool:
        return [pool.submit(call, gathered, wanted) for wanted in requests]


def test_a_commit_whose_answer_is_lost_is_looked_for_and_answered(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = PipelinedAppend.finish
    lost: list[bool] = []

    def finish_and_lose(append: PipelinedAppend) -> None:
        finish(append)
        if not lost:
            lost.append(True)
            raise psycopg.OperationalError("the answer is lost")

    monkeypatch.setattr(PipelinedAppend, "finish", finish_and_lose)
    requests = [[submission(number=n)] for n in range(5)]
    futures = queue_up(ledger, gathered, requests)
    assert lost
    assert [f.result()[0].event.sequence for f in futures] == [5, 6, 7, 8, 9]
    assert all(f.result()[0].created for f in futures)
    assert_intact(ledger, 6)


def test_a_commit_that_did_not_happen_is_done_again(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[bool] = []

    def lose(append: PipelinedAppend) -> None:
        append.committing = True
        if not lost:
            lost.append(True)
            kill_connections(ledger)
        finish(append)

    finish = PipelinedAppend.finish
    monkeypatch.setattr(PipelinedAppend, "finish", lose)
    futures = queue_up(ledger, gathered, [[submission(number=n)] for n in range(5)])
    assert lost
    assert [f.result()[0].event.sequence for f in futures] == [5, 6, 7, 8, 9]
    connections.close_all()
    assert_intact(ledger, 6)


def test_all_of_a_lost_commit_is_looked_for_at_once(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that takes: the next try would not look for ids that the ledger made."""
    finish = PipelinedAppend.finish

    def finish_and_lose(append: PipelinedAppend) -> None:
        finish(append)
        monkeypatch.setattr(PipelinedAppend, "finish", finish)
        monkeypatch.setattr("events.append.transaction.MAX_SECONDS", -1.0)
        raise psycopg.OperationalError("the answer is lost")

    monkeypatch.setattr(PipelinedAppend, "finish", finish_and_lose)
    futures = queue_up(ledger, gathered, [[submission(number=n)] for n in range(3)])
    assert [f.result()[0].event.sequence for f in futures] == [5, 6, 7]
    assert_intact(ledger, 4)


def test_a_commit_whose_answer_is_lost_is_found_though_the_ledger_was_halted_since(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = PipelinedAppend.finish

    def finish_and_halt(append: PipelinedAppend) -> NoReturn:
        finish(append)
        halt(writer(), reason="a test", by="keeper")
        raise psycopg.OperationalError("the answer is lost")

    monkeypatch.setattr(PipelinedAppend, "finish", finish_and_halt)
    written = gathered.write_event(submission())
    assert (written.created, written.event.sequence) == (True, 4)
    assert_intact(ledger, 2)


def test_a_commit_that_stays_unknown_is_called_unknown(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.append.transaction.SETTLE_SECONDS", 0.0)

    def lose(append: PipelinedAppend) -> NoReturn:
        append.committing = True
        raise psycopg.OperationalError("the answer is lost")

    with monkeypatch.context() as broken:
        broken.setattr(PipelinedAppend, "finish", lose)
        with pytest.raises(LedgerUnavailableError):
            gathered.write_event(submission(event_id=SAME_ID))
    assert gathered.write_event(submission(event_id=SAME_ID)).event.sequence == 4


def test_a_key_that_was_retired_since_is_looked_up_again(
    ledger: Ledger, gathered: AppendQueue
) -> None:
    first = gathered.write_event(submission()).event
    registrar().rotate_key("agent-7")
    registrar().create_witness("beta")
    registrar().retire_witness(first.witness_id)
    second = gathered.write_event(submission()).event
    assert second.signing_key_id != first.signing_key_id
    assert second.witness_id == "WITNESS:beta"
    assert_intact(ledger, 5)


def test_a_full_queue_takes_nothing(ledger: Ledger) -> None:
    gathered = AppendQueue(writer(), max_waiting=2)
    with ThreadPoolExecutor(2) as pool:
        with held_back(ledger):
            futures = [pool.submit(call, gathered, [submission()]) for _ in range(2)]
            until(lambda: gathered.waiting == 2)
            with pytest.raises(QueueFullError) as refused:
                gathered.write_event(submission())
            assert refused.value.retry_after >= 1
        assert sorted(f.result()[0].event.sequence for f in futures) == [4, 5]
    assert_intact(ledger, 2)


def test_a_request_that_times_out_in_the_queue_is_not_written(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.append.queue.PATIENCE_SECONDS", 0.01)
    with held_back(ledger), pytest.raises(QueueFullError):
        gathered.write_event(submission())
    monkeypatch.undo()
    assert gathered.write_event(submission()).event.sequence == 4


def test_a_timeout_during_the_commit_is_reported_as_unknown(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, given_up = PipelinedAppend.finish, threading.Event()

    def finish_late(append: PipelinedAppend) -> None:
        assert given_up.wait(30)
        finish(append)

    monkeypatch.setattr(PipelinedAppend, "finish", finish_late)
    monkeypatch.setattr("events.append.queue.PATIENCE_SECONDS", 0.5)
    once = submission(event_id=SAME_ID)
    with pytest.raises(
        LedgerUnavailableError, match="may be recorded: send the same event_id again"
    ):
        gathered.write_event(once)
    given_up.set()
    monkeypatch.undo()
    again = gathered.write_event(once)
    assert (again.created, again.event.sequence) == (False, 4)
    assert_intact(ledger, 1)


def test_closing_writes_what_was_accepted_and_accepts_nothing_more(
    ledger: Ledger, gathered: AppendQueue
) -> None:
    with ThreadPoolExecutor(4) as pool:
        with held_back(ledger):
            futures = [pool.submit(call, gathered, [submission()]) for _ in range(3)]
            until(lambda: gathered.waiting == 3)
            closing = pool.submit(gathered.close)
            until(lambda: gathered.is_closed)
            with pytest.raises(QueueFullError):
                gathered.write_event(submission())
        closing.result()
        assert sorted(f.result()[0].event.sequence for f in futures) == [4, 5, 6]
    assert_intact(ledger, 3)


def test_requests_that_take_too_long_to_sign_go_into_the_next_transaction(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.append.transaction.MAX_SECONDS", -1.0)
    futures = queue_up(ledger, gathered, [[submission(), submission()], [submission()]])
    assert [[one.event.sequence for one in f.result()] for f in futures] == [[5, 6], [7]]
    assert appends(ledger) == [(4, 4), (5, 6), (7, 7)]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_starts_afresh(ledger: Ledger, gathered: AppendQueue) -> None:
    gathered.write_event(submission())
    child = os.fork()
    if child == 0:  # in the child: nothing of pytest may run here
        code = 1
        try:
            code = 0 if gathered.write_event(submission()).event.sequence == 5 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert gathered.write_event(submission()).event.sequence == 6
    assert_intact(ledger, 3)


def test_an_error_of_nobody_leaves_nobody_waiting(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(append: PipelinedAppend) -> NoReturn:
        raise MemoryError

    with monkeypatch.context() as stopped:
        stopped.setattr(PipelinedAppend, "start", broken)
        futures = queue_up_unlocked(gathered, [[submission()]] * 4)
        assert all(isinstance(f.exception(), MemoryError) for f in futures)
    assert gathered.write_event(submission()).event.sequence == 4


def test_each_caller_logs_its_own_events_in_its_own_context(
    ledger: Ledger, gathered: AppendQueue
) -> None:
    stuck = datetime(1970, 1, 1, tzinfo=UTC)

    def request(name: str) -> Event:
        with structlog.contextvars.bound_contextvars(request_id=name):
            try:
                return gathered.write_event(submission(local_timestamp=stuck)).event
            finally:
                connections.close_all()

    context = [structlog.contextvars.merge_contextvars]
    with (
        capture_logs(processors=context) as lines,
        ThreadPoolExecutor(5) as pool,
        held_back(ledger),
    ):
        futures = {name: pool.submit(request, name) for name in "abcde"}
        until(lambda: gathered.waiting == 5)
    answered = {name: future.result().sequence for name, future in futures.items()}
    logged = {
        line["request_id"]: line["sequence"]
        for line in lines
        if line["event"] == "clock_drift_detected"
    }
    assert logged == answered
