"""One thread writes for the others: requests that arrive while it ends, or when there is none, are
served. Threads are held with barriers, without timing."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NoReturn

import pytest

from events.append.pending import Written
from events.append.queue import AppendQueue
from events.append.services import writer
from events.append.signing_pool import SigningPool
from events.store.append import PipelinedAppend
from events.store.connection import LedgerUnavailableError
from events.tests.append.test_group_commit import call, held_back
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import Ledger, submission
from events.tests.support.waiting import until


@pytest.fixture
def gathered() -> AppendQueue:
    """A group commit of this test alone."""
    return AppendQueue(writer())


def test_a_caller_arriving_as_the_thread_ends_waits_for_the_next(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both use the same signing helper, and the first one is about to end it."""
    came: list[Future[list[Written]]] = []
    together: list[bool] = []

    def close_late(pool_of_thread: SigningPool) -> None:
        # A queue of an earlier test may become idle now, and closes its own.
        if came or pool_of_thread is not gathered._signing_pool:
            return
        came.append(pool.submit(call, gathered, [submission()]))
        until(lambda: gathered.waiting == 1 or came[0].done())
        with gathered._mutex:
            together.append(gathered._thread is not threading.current_thread())

    monkeypatch.setattr("events.append.queue.IDLE_SECONDS", 0.0)
    monkeypatch.setattr(SigningPool, "close", close_late)
    with ThreadPoolExecutor(1) as pool:
        gathered.write_event(submission())
        until(lambda: bool(came))
        assert came[0].result()[0].event.sequence == 5
    assert together == [False]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_requests_behind_an_error_that_ends_the_thread_are_served(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = PipelinedAppend.start
    ended: list[bool] = []

    def end_once(append: PipelinedAppend) -> None:
        if not ended:
            ended.append(True)
            raise SystemExit
        start(append)

    monkeypatch.setattr("events.append.queue.MAX_EVENTS", 1)
    monkeypatch.setattr(PipelinedAppend, "start", end_once)
    with ThreadPoolExecutor(3) as pool, held_back(ledger):
        futures = [pool.submit(call, gathered, [submission()]) for _ in range(3)]
        until(lambda: gathered.waiting == 3)
    answers = [f.exception() or f.result()[0].event.sequence for f in futures]
    assert sum(isinstance(answer, LedgerUnavailableError) for answer in answers) == 1
    assert {answer for answer in answers if isinstance(answer, int)} == {4, 5}
    assert_intact(ledger, 2)


def test_without_another_thread_nothing_is_accepted(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            gathered.write_event(submission())
    assert gathered.waiting == 0
    assert gathered.write_event(submission()).event.sequence == 4
