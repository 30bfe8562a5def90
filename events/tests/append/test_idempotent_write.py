"""Writing again by `event_id`: found, not written twice; other content is refused. Two writers of
one id are released by a barrier."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest

from events.append.pending import Written
from events.append.services import writer
from events.errors import EventIdConflictError
from events.submission import Submission
from events.tests.support.ledger import OPENING, Ledger, submission
from events.tests.support.race import together

ID = "0191d7a0-0000-7000-8000-000000000001"
OTHER = "0191d7a0-0000-7000-8000-000000000002"
NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)


def once(**changes: Any) -> Submission:
    return submission(**{"event_id": ID, "local_timestamp": NOON, **changes})


def test_the_same_again_is_found(ledger: Ledger) -> None:
    first = writer().write_event(once())
    again = writer().write_event(once())
    assert (first.created, again.created) == (True, False)
    assert again.event.content_hash == first.event.content_hash
    assert again.event.canonical_payload == first.event.canonical_payload
    assert ledger.store.get_max_sequence() == 4


def test_the_same_moment_in_another_offset_is_the_same(ledger: Ledger) -> None:
    writer().write_event(once())
    elsewhere = NOON.astimezone(timezone(timedelta(hours=2)))
    assert not writer().write_event(once(local_timestamp=elsewhere)).created


def test_numbers_that_jsonb_reprints_are_the_same(ledger: Ledger) -> None:
    payload = {"a": 1e22, "b": -0.0, "c": 2**64 - 1, "d": 1e-7, "é": "\U0001f600"}
    assert writer().write_event(once(payload=payload)).created
    assert not writer().write_event(once(payload=payload)).created


def test_without_a_clock_reading_any_time_is_the_same(ledger: Ledger) -> None:
    writer().write_event(once())
    timeless = Submission("test.happened", once().canonical_payload, "agent-7", None, ID)
    assert not writer().write_event(timeless).created


OTHERWISE: dict[str, dict[str, Any]] = {
    "payload": {"payload": {"number": 1}},
    "type": {"event_type": "test.other"},
    "agent": {"agent_id": "agent-8"},
    "system": {"agent_id": None},
    "time": {"local_timestamp": NOON + timedelta(microseconds=1)},
}


@pytest.mark.parametrize("changes", OTHERWISE.values(), ids=OTHERWISE.keys())
def test_other_content_is_a_conflict(ledger: Ledger, changes: dict[str, Any]) -> None:
    writer().write_event(once())
    with pytest.raises(EventIdConflictError) as conflict:
        writer().write_event(once(**changes))
    assert (conflict.value.event_id, conflict.value.sequence) == (ID, 4)
    assert str(conflict.value) == f"event_id {ID} is used by sequence 4 with other content"
    assert ledger.store.get_max_sequence() == 4


def test_an_id_twice_in_a_batch_is_written_once(ledger: Ledger) -> None:
    written = writer().write_events([once(), submission(), once()])
    assert [w.event.sequence for w in written] == [4, 5, 4]
    assert [w.created for w in written] == [True, True, False]
    assert ledger.store.get_max_sequence() == 5


def test_a_batch_of_stored_and_new(ledger: Ledger) -> None:
    writer().write_event(once())
    written = writer().write_events([submission(number=5), once(), submission(event_id=OTHER)])
    assert [(w.event.sequence, w.created) for w in written] == [(5, True), (4, False), (6, True)]
    assert ledger.query("SELECT * FROM verify_chain()") == []


def test_a_batch_that_is_stored_already_writes_nothing(ledger: Ledger) -> None:
    batch = [once(), once(event_id=OTHER, number=2)]
    assert all(w.created for w in writer().write_events(batch))
    appends = ledger.query("SELECT to_jsonb(a) FROM appends a")
    again = writer().write_events(batch)
    assert [(w.event.sequence, w.created) for w in again] == [(4, False), (5, False)]
    assert ledger.query("SELECT to_jsonb(a) FROM appends a") == appends


def test_a_conflict_with_the_ledger_refuses_the_whole_batch(ledger: Ledger) -> None:
    writer().write_event(once())
    batch = [submission(), once(event_type="test.other"), submission()]
    with pytest.raises(EventIdConflictError) as conflict:
        writer().write_events(batch)
    assert (conflict.value.sequence, conflict.value.index) == (4, 1)
    assert ledger.store.get_max_sequence() == 4


def test_a_conflict_inside_a_batch_refuses_it(ledger: Ledger) -> None:
    batch = [submission(), once(), once(event_type="test.other")]
    with pytest.raises(EventIdConflictError, match="another event of this batch") as conflict:
        writer().write_events(batch)
    assert (conflict.value.sequence, conflict.value.index) == (None, 2)
    assert ledger.store.get_max_sequence() == OPENING


def test_an_empty_batch_writes_nothing(ledger: Ledger) -> None:
    assert writer().write_events([]) == []
    assert ledger.store.get_max_sequence() == OPENING


def test_ids_made_by_the_ledger_are_new_each_time(ledger: Ledger) -> None:
    same = submission(local_timestamp=NOON)
    written = writer().write_events([same, same])
    assert len({w.event.event_id for w in written}) == 2
    assert ledger.store.get_max_sequence() == 5


ROUNDS = 8
WRITERS = 4


def answer(batch: list[Submission]) -> list[Written] | EventIdConflictError:
    try:
        return writer().write_events(batch)
    except EventIdConflictError as conflict:
        return conflict


def at_once(*batches: list[Submission]) -> list[list[Written] | EventIdConflictError]:
    return together([partial(answer, batch) for batch in batches])


def test_one_event_when_all_send_the_same_at_once(ledger: Ledger) -> None:
    for number in range(ROUNDS):
        same = once(event_id=f"0191d7a0-0000-7000-8000-{number:012x}")
        written = [a[0] for a in at_once(*[[same]] * WRITERS) if isinstance(a, list)]
        assert sorted(w.created for w in written) == [False] * (WRITERS - 1) + [True]
        assert {w.event.sequence for w in written} == {OPENING + number + 1}
    assert ledger.query("SELECT count(*) FROM events") == [(OPENING + ROUNDS,)]
    assert ledger.query("SELECT * FROM verify_chain()") == []


def test_one_wins_and_the_others_conflict_when_all_send_one_id_at_once(ledger: Ledger) -> None:
    for number in range(ROUNDS):
        event_id = f"0191d7a0-0000-7000-8000-{number:012x}"
        answers = at_once(*[[once(event_id=event_id, number=n)] for n in range(WRITERS)])
        lost = [a for a in answers if isinstance(a, EventIdConflictError)]
        assert len(lost) == WRITERS - 1
        assert {a.sequence for a in lost} == {OPENING + number + 1}
    assert ledger.query("SELECT count(*) FROM events") == [(OPENING + ROUNDS,)]
    assert ledger.query("SELECT * FROM verify_chain()") == []


def test_overlapping_batches_at_once_are_each_written_once(ledger: Ledger) -> None:
    for number in range(ROUNDS):
        ids = [f"0191d7a0-0000-7000-{8000 + number}-{n:012x}" for n in range(6)]
        answers = at_once(*[[once(event_id=i) for i in ids[n : n + 4]] for n in range(3)])
        assert sum(w.created for a in answers if isinstance(a, list) for w in a) == len(ids)
    stored = [event.event_id for event in ledger.written()]
    assert len(stored) == len(set(stored)) == ROUNDS * 6
    assert ledger.query("SELECT * FROM verify_chain()") == []
