"""FR7 under concurrency: no hole, no inversion, no reader that misses an event. Writers are
released by barriers, and faults are injected."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from functools import partial

import pytest
from django.db import IntegrityError

from events.append.queue import AppendQueue
from events.append.services import writer
from events.append.writer import AtomicEventWriter
from events.store.append import PipelinedAppend
from events.store.ledger import EventFilter
from events.tests.support.fault_injection import (
    ROLLED_BACK,
    send_and_fail,
)
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import OPENING, Ledger, submission
from events.tests.support.race import together
from events.tests.support.writing_process import acknowledged, expect, go, writing_process

THREADS, EACH = 16, 50
PROCESSES, EACH_PROCESS = 4, 100
REFUSED = "refused\tby a constraint"


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transactions of `ROLLED_BACK` events fail behind their insert."""
    monkeypatch.setattr(PipelinedAppend, "send", send_and_fail)


Door = AtomicEventWriter | AppendQueue


@pytest.fixture(params=["each its own transaction", "shared transactions"])
def door(request: pytest.FixtureRequest, faults: None) -> Door:
    """Both ways to write."""
    direct = writer()
    return AppendQueue(direct) if request.param == "shared transactions" else direct


def kind(number: int) -> str:
    """One in ten is rolled back on purpose, one in ten breaks a constraint."""
    return {3: ROLLED_BACK, 7: REFUSED}.get(number % 10, "test.happened")


def write(door: Door, count: int) -> list[int]:
    """The sequences of what was acknowledged."""
    sequences = []
    for number in range(count):
        try:
            written = door.write_event(submission(number=number, event_type=kind(number)))
            sequences.append(written.event.sequence)
        except IntegrityError:
            assert kind(number) in (ROLLED_BACK, REFUSED)
    return sequences


def write_batches(door: Door, count: int) -> list[int]:
    sequences = []
    for number in range(count):
        kinds = ["test.happened"] * 3 + [kind(number)]
        try:
            written = door.write_events([submission(event_type=name) for name in kinds])
            sequences += [w.event.sequence for w in written]
        except IntegrityError:
            assert kind(number) in (ROLLED_BACK, REFUSED)
    return sequences


def is_rising(sequences: list[int]) -> bool:
    return sequences == sorted(set(sequences))


def test_threads_that_write_at_once_leave_no_hole(ledger: Ledger, door: Door) -> None:
    answers = together([partial(write, door, EACH)] * THREADS)
    assert all(map(is_rising, answers))
    expected = THREADS * EACH * 8 // 10
    stored = [event.sequence for event in assert_intact(ledger, expected)]
    assert sorted(n for sequences in answers for n in sequences) == stored


def test_threads_that_write_batches_at_once_leave_no_hole(ledger: Ledger, door: Door) -> None:
    answers = together([partial(write_batches, door, 20)] * 8)
    expected = 8 * 20 * 8 // 10 * 4
    stored = [event.sequence for event in assert_intact(ledger, expected)]
    assert sorted(n for sequences in answers for n in sequences) == stored


def test_a_reader_that_polls_never_misses_an_event(ledger: Ledger, door: Door) -> None:
    """The promise of `?after=n`: n+1 is never seen before n."""
    done = threading.Event()
    unfinished = iter(range(4 - 1))

    def write_and_tell() -> list[int]:
        try:
            return write(door, EACH)
        finally:
            if next(unfinished, None) is None:
                done.set()

    def poll() -> list[int]:
        seen: list[int] = []
        while True:
            last_round = done.is_set()
            after = seen[-1] if seen else OPENING
            page = ledger.store.select(EventFilter(start=after + 1), limit=7)
            seen += [e.sequence for e in page]
            if last_round and not page:
                return seen

    *_, seen, also = together([write_and_tell] * 4 + [poll] * 2)
    expected = list(range(OPENING + 1, OPENING + 4 * EACH * 8 // 10 + 1))
    assert seen == expected
    assert also == expected


@pytest.mark.parametrize("mode", ["write", "gather"])
def test_processes_that_write_at_once_leave_no_hole(ledger: Ledger, mode: str) -> None:
    with ExitStack() as stack:
        children = [
            stack.enter_context(writing_process(ledger, mode, EACH_PROCESS))
            for _ in range(PROCESSES)
        ]
        for child in children:
            expect(child, "ready")
        for child in children:
            go(child)
        answers = [
            [acknowledged(child)[0] for _ in range(EACH_PROCESS * 9 // 10)] for child in children
        ]
        assert [child.wait(timeout=60) for child in children] == [0] * PROCESSES
    if mode == "write":
        assert all(map(is_rising, answers))
    expected = PROCESSES * EACH_PROCESS * 9 // 10
    stored = [event.sequence for event in assert_intact(ledger, expected)]
    assert sorted(n for sequences in answers for n in sequences) == stored
