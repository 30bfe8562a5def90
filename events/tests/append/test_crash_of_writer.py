"""kill -9 of a writing process: acknowledged events are there, others are complete or absent. Every
wait has a timeout."""

from __future__ import annotations

import signal

from events.tests.support.intact import assert_intact
from events.tests.support.ledger import Ledger
from events.tests.support.writing_process import acknowledged, expect, go, writing_process


def test_every_acknowledged_event_survives_a_killed_writer(ledger: Ledger) -> None:
    answered: list[tuple[int, str]] = []
    for round_ in range(2):
        with writing_process(ledger, "write", 100_000) as child:
            expect(child, "ready")
            go(child)
            answered += [acknowledged(child) for _ in range(40 + round_)]
            child.send_signal(signal.SIGKILL)
            assert child.wait(timeout=30) == -signal.SIGKILL
    ledger.write(1)  # waits for the killed one's transaction, if there is one
    count = len(ledger.written())
    stored = {(e.sequence, e.event_id) for e in assert_intact(ledger, count)}
    assert set(answered) <= stored


def test_an_append_that_was_killed_under_the_lock_leaves_no_gap(ledger: Ledger) -> None:
    ledger.write(2)
    with writing_process(ledger, "hold", 5) as child:
        expect(child, "ready")
        go(child)
        expect(child, "holding")
        assert ledger.query("SELECT last_value FROM events_sequence_seq") == [(10,)]
        assert ledger.store.get_max_sequence() == 5
        child.send_signal(signal.SIGKILL)
        assert child.wait(timeout=30) == -signal.SIGKILL
        assert ledger.write(1)[0].sequence == 6
    assert_intact(ledger, 3)


def test_readers_do_not_wait_for_an_append(ledger: Ledger) -> None:
    ledger.write(2)
    with writing_process(ledger, "hold", 5) as child:
        expect(child, "ready")
        go(child)
        expect(child, "holding")
        assert_intact(ledger, 2)
