"""The signing helper: it signs what would have been signed here, and nothing depends on it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connections

from events.append import signing_pool
from events.append.queue import AppendQueue
from events.append.services import key_backend, writer
from events.keys.backend import sign_pair
from events.keys.signing_process import HelperLostError, SigningProcess
from events.store.append import PipelinedAppend
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import OPENING, Ledger, submission
from events.tests.support.waiting import until


@pytest.fixture
def helper(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[SigningProcess]:
    """One that is ready, also on a machine with one processor."""
    monkeypatch.setattr("events.append.signing_pool.os.cpu_count", lambda: 2)
    process = SigningProcess(settings.PORTAL_KEY_DIR)
    until(process.is_ready)
    yield process
    process.stop()


@pytest.fixture
def gathered(helper: SigningProcess) -> Iterator[AppendQueue]:
    one = AppendQueue(writer(), helper=helper)
    yield one
    one.close()


def child_of(helper: SigningProcess) -> int:
    assert helper._child is not None
    return helper._child.pid


def write_batch(gathered: AppendQueue, count: int = 50) -> list[int]:
    written = gathered.write_events([submission(number=n) for n in range(count)])
    return [one.event.sequence for one in written]


def test_the_helper_signs_as_its_parent_would(ledger: Ledger, helper: SigningProcess) -> None:
    key_id = writer().signing.active_key("agent-7")
    orders = [(key_id, "WITNESS:alpha", b"content %d" % n) for n in range(5)]
    helper.send(orders)
    backend = key_backend()
    sign, attest = backend.signer(key_id), backend.signer("WITNESS:alpha")
    assert helper.receive(5) == [sign_pair(sign, attest, content) for *_, content in orders]


def test_events_signed_by_the_helper_are_sound(ledger: Ledger, gathered: AppendQueue) -> None:
    assert write_batch(gathered) == list(range(4, 54))
    assert_intact(ledger, 50)


def test_the_signing_helper_is_really_used(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[int] = []
    receive = SigningProcess.receive

    def counted(process: SigningProcess, count: int) -> object:
        received.append(count)
        return receive(process, count)

    monkeypatch.setattr(SigningProcess, "receive", counted)
    write_batch(gathered)
    assert received


def test_killed_it_is_not_missed(
    ledger: Ledger, gathered: AppendQueue, helper: SigningProcess
) -> None:
    write_batch(gathered)
    os.kill(child_of(helper), signal.SIGKILL)
    assert write_batch(gathered) == list(range(54, 104))
    assert write_batch(gathered) == list(range(104, 154))
    assert_intact(ledger, 150)


def test_killed_while_it_signs_it_is_not_missed(
    ledger: Ledger,
    gathered: AppendQueue,
    helper: SigningProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send = SigningProcess.send
    sent: list[int] = []

    def kill_after_two(process: SigningProcess, orders: object) -> None:
        send(process, orders)  # type: ignore[arg-type]
        sent.append(1)
        if len(sent) == 2:
            os.kill(child_of(process), signal.SIGKILL)

    monkeypatch.setattr(SigningProcess, "send", kill_after_two)
    write_batch(gathered)
    assert len(sent) >= 2
    assert_intact(ledger, 50)


def test_silent_it_is_given_up(
    ledger: Ledger,
    gathered: AppendQueue,
    helper: SigningProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("events.keys.signing_process.ANSWER_SECONDS", 0.05)
    os.kill(child_of(helper), signal.SIGSTOP)
    write_batch(gathered)
    assert_intact(ledger, 50)


def test_answers_of_an_abandoned_append_are_nobodys(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(append: PipelinedAppend, events: object) -> None:
        raise MemoryError

    with monkeypatch.context() as stopped:
        stopped.setattr(PipelinedAppend, "send", broken)
        with pytest.raises(MemoryError):
            write_batch(gathered)
    write_batch(gathered)
    assert_intact(ledger, 50)


def test_a_key_it_cannot_read_is_an_answer(ledger: Ledger, helper: SigningProcess) -> None:
    helper.send([("nobody", "WITNESS:alpha", b"content")])
    with pytest.raises(HelperLostError):
        helper.receive(1)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_leaves_it_to_its_parent(
    ledger: Ledger, gathered: AppendQueue, helper: SigningProcess
) -> None:
    write_batch(gathered)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if write_batch(gathered) == list(range(54, 104)) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert write_batch(gathered) == list(range(104, 154))
    assert_intact(ledger, 150)


def test_callers_are_answered_while_the_next_group_is_signed(
    ledger: Ledger, gathered: AppendQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more callers than are told at once, everybody is told all the same."""
    monkeypatch.setattr("events.append.transaction.WORTH_WAITING", 2)

    def write(caller: int) -> list[int]:
        try:
            return [gathered.write_event(submission(number=n)).event.sequence for n in range(20)]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(write, range(12)))
    assert all(answer == sorted(answer) for answer in answers)
    assert sorted(n for answer in answers for n in answer) == list(range(4, 244))
    assert_intact(ledger, 240)


def test_pieces_signed_here_and_there_keep_their_order(
    ledger: Ledger, gathered: AppendQueue
) -> None:
    count = 20 * signing_pool.PIECE + 3
    assert write_batch(gathered, count) == list(range(OPENING + 1, OPENING + count + 1))
    assert_intact(ledger, count)
