"""Group commit: what many threads ask for at once goes in together, and fails apart."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import structlog
from django.db import connections
from structlog.testing import capture_logs

from events.composition import writer
from events.errors import EventIdConflictError, NoActiveKeyError, SystemHaltedError
from events.event import Event
from events.group_commit import MAX_EVENTS, GroupCommit
from events.store.connection import LedgerUnavailableError
from events.submission import Submission
from events.tests.ledger import Ledger, submission
from events.tests.wholeness import assert_whole
from events.writer import AtomicEventWriter, Outcome, Written

LOCK = 4707744067223307588
PATIENCE_SECONDS = 30
SAME_ID = "0191d7a0-0000-7000-8000-00000000000a"


@pytest.fixture
def gathered() -> GroupCommit:
    """A group commit of this test alone."""
    return GroupCommit(writer())


def call(gathered: GroupCommit, wanted: Sequence[Submission]) -> list[Written]:
    """What one thread of a server does."""
    try:
        return gathered.write_events(wanted)
    finally:
        connections.close_all()


@contextmanager
def held_back(ledger: Ledger) -> Iterator[None]:
    """Somebody else holds the ledger's lock, so that the first group waits and others queue."""
    with ledger.connect() as stranger:
        stranger.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        yield
        stranger.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))


def until(condition: Callable[[], bool]) -> None:
    """Wait for what other threads are about to do."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def queue_up(
    ledger: Ledger, gathered: GroupCommit, requests: Sequence[Sequence[Submission]]
) -> list[Future[list[Written]]]:
    """Have one event be on its way, and all `requests` wait behind it in order."""
    with ThreadPoolExecutor(len(requests) + 1) as pool:
        with held_back(ledger):
            futures = [pool.submit(call, gathered, [submission({"first": True})])]
            until(lambda: gathered.is_led and gathered.waiting == 0)
            for number, wanted in enumerate(requests, start=1):
                futures.append(pool.submit(call, gathered, wanted))
                until(lambda number=number: gathered.waiting == number)  # type: ignore[misc]
        return futures[1:]


def appends(ledger: Ledger) -> list[tuple[int, int]]:
    """First and last sequence of each transaction."""
    return ledger.query("SELECT first_sequence, last_sequence FROM appends ORDER BY 1")


def test_what_waits_goes_into_one_transaction(ledger: Ledger, gathered: GroupCommit) -> None:
    requests = [[submission(number=n)] for n in range(10)]
    futures = queue_up(ledger, gathered, requests)
    assert [f.result()[0].event.sequence for f in futures] == list(range(2, 12))
    assert [f.result()[0].event.payload for f in futures] == [
        f'{{"number":{n}}}' for n in range(10)
    ]
    assert appends(ledger) == [(1, 1), (2, 11)]
    assert_whole(ledger, 11)


def test_a_batch_stays_together_and_in_order(ledger: Ledger, gathered: GroupCommit) -> None:
    requests = [[submission(number=n) for n in range(count)] for count in (3, 1, 5)]
    futures = queue_up(ledger, gathered, requests)
    got = [[one.event.sequence for one in f.result()] for f in futures]
    assert got == [[2, 3, 4], [5], [6, 7, 8, 9, 10]]


def test_a_transaction_carries_a_bounded_number_of_events(
    ledger: Ledger, gathered: GroupCommit
) -> None:
    half = [submission(number=n) for n in range(MAX_EVENTS // 2)]
    futures = queue_up(ledger, gathered, [half, half, [submission()]])
    assert [len(f.result()) for f in futures] == [500, 500, 1]
    assert appends(ledger) == [(1, 1), (2, 1001), (1002, 1002)]


FAULTY: list[tuple[str, Submission, type[Exception]]] = [
    ("no key", submission(agent_id="stranger"), NoActiveKeyError),
    ("conflict", submission({"other": 1}, event_id=SAME_ID), EventIdConflictError),
]


@pytest.mark.parametrize(
    ("faulty", "error"), [case[1:] for case in FAULTY], ids=[case[0] for case in FAULTY]
)
def test_one_bad_request_fails_alone(
    ledger: Ledger, gathered: GroupCommit, faulty: Submission, error: type[Exception]
) -> None:
    writer().write_event(submission({"taken": 1}, event_id=SAME_ID))
    good = [[submission(number=n)] for n in range(4)]
    futures = queue_up(ledger, gathered, [*good[:2], [submission(), faulty], *good[2:]])
    assert isinstance(futures[2].exception(), error)
    kept = [f.result()[0].event.payload for n, f in enumerate(futures) if n != 2]
    assert kept == [f'{{"number":{n}}}' for n in range(4)]
    assert_whole(ledger, 6)


def test_a_row_the_database_refuses_fails_alone(ledger: Ledger, gathered: GroupCommit) -> None:
    refused = submission(event_type="tab\there")  # a Submission that nobody validated
    futures = queue_up(ledger, gathered, [[submission()], [refused], [submission()]])
    assert futures[1].exception() is not None
    assert [f.result()[0].created for f in (futures[0], futures[2])] == [True, True]
    assert_whole(ledger, 3)


def test_the_same_event_from_two_callers_is_written_once(
    ledger: Ledger, gathered: GroupCommit
) -> None:
    same = submission({"same": 1}, event_id=SAME_ID, local_timestamp=datetime.now(UTC))
    futures = queue_up(ledger, gathered, [[same], [same]])
    first, second = (f.result()[0] for f in futures)
    assert (first.created, second.created) == (True, False)
    assert first.event == second.event
    assert_whole(ledger, 2)


def test_a_halt_reaches_every_caller(ledger: Ledger, gathered: GroupCommit) -> None:
    with ThreadPoolExecutor(4) as pool, held_back(ledger):
        futures = [pool.submit(call, gathered, [submission()]) for _ in range(4)]
        until(lambda: gathered.waiting == 3)
        ledger.tamper(
            "UPDATE halt_state SET halted = true, reason = 'test', halted_at = clock_timestamp()"
        )
    assert all(isinstance(f.exception(), SystemHaltedError) for f in futures)
    assert ledger.store.get_max_sequence() == 0


def test_a_lost_connection_is_told_to_all_and_then_forgotten(
    ledger: Ledger, gathered: GroupCommit
) -> None:
    with ThreadPoolExecutor(3) as pool:
        with held_back(ledger):
            futures = [pool.submit(call, gathered, [submission()])]
            until(lambda: gathered.is_led and gathered.waiting == 0)
            until(lambda: _waits_for_the_lock(ledger))
            ledger.query(
                "SELECT pg_terminate_backend(pid) FROM pg_locks"
                " WHERE locktype = 'advisory' AND NOT granted"
            )
            assert isinstance(futures[0].exception(PATIENCE_SECONDS), LedgerUnavailableError)
        again = pool.submit(call, gathered, [submission()])
        assert again.result(PATIENCE_SECONDS)[0].event.sequence == 1


def _waits_for_the_lock(ledger: Ledger) -> bool:
    return bool(ledger.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))


class _Stopped(AtomicEventWriter):
    """A writer whose thread is stopped in the middle."""

    def write_groups(self, groups: Sequence[Sequence[Submission]]) -> list[Outcome]:
        raise KeyboardInterrupt


def test_a_stopped_leader_leaves_nobody_waiting(ledger: Ledger) -> None:
    ordinary = writer()
    gathered = GroupCommit(_Stopped(ordinary.signing, ordinary.witnessing))
    barrier = threading.Barrier(4)

    def attempt() -> BaseException | None:
        barrier.wait(PATIENCE_SECONDS)
        try:
            gathered.write_event(submission())
        except BaseException as error:
            return error
        finally:
            connections.close_all()
        return None

    with ThreadPoolExecutor(4) as pool:
        errors = [f.result(PATIENCE_SECONDS) for f in [pool.submit(attempt) for _ in range(4)]]
    assert {type(error) for error in errors} <= {KeyboardInterrupt, LedgerUnavailableError}
    assert not gathered.is_led


def test_each_caller_logs_its_own_events_in_its_own_context(
    ledger: Ledger, gathered: GroupCommit
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
        until(lambda: gathered.waiting == 4)
    answered = {name: future.result().sequence for name, future in futures.items()}
    logged = {
        line["request_id"]: line["sequence"]
        for line in lines
        if line["event"] == "clock_drift_detected"
    }
    assert logged == answered
