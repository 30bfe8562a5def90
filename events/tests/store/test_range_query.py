"""Ranges: in sequence order (never a clock's), inclusive, filtered, page by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events.append.services import writer
from events.store import ledger as store_module
from events.store.ledger import EventFilter
from events.tests.support.ledger import Ledger, submission

NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)


@pytest.fixture
def written(ledger: Ledger) -> Ledger:
    """Ten events: agents and types take turns, local time runs backwards hour by hour."""
    writer().write_events(
        [
            submission(
                number=n,
                agent_id=["agent-7", "agent-8", None][n % 3],
                event_type=["vote.cast", "vote.withdrawn"][n % 2],
                local_timestamp=NOON - timedelta(hours=n) if n < 9 else datetime.now(UTC),
            )
            for n in range(10)
        ]
    )
    return ledger


def sequences(ledger: Ledger, limit: int = 100, **chosen: Any) -> list[int]:
    return [e.sequence for e in ledger.store.select(EventFilter(**chosen), limit=limit)]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (4, 13, range(4, 14)),
        (6, 8, range(6, 9)),
        (13, 13, [13]),
        (12, 99, [12, 13]),
        (14, 23, []),
        (8, 7, []),
        (-3, 2, [1, 2]),
    ],
)
def test_a_range_is_inclusive_and_ordered(
    written: Ledger, start: int, end: int, expected: list[int]
) -> None:
    found = list(written.store.get_events_by_sequence_range(start, end))
    assert [e.sequence for e in found] == list(expected)
    assert sequences(written, start=start, end=end) == list(expected)


def test_an_empty_ledger_has_no_events(unopened: Ledger) -> None:
    assert list(unopened.store.get_events_by_sequence_range(1, 10)) == []
    assert unopened.store.get_max_sequence() == 0
    assert unopened.store.get_event(1) is None
    head = unopened.store.head()
    assert (head.max_sequence, head.content_hash, head.event_count) == (0, "0" * 64, 0)


def test_a_long_range_comes_page_by_page(written: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for page in (1, 3, 10, 11):
        monkeypatch.setattr(store_module, "PAGE", page)
        found = list(written.store.get_events_by_sequence_range(5, 13))
        assert [e.sequence for e in found] == list(range(5, 14))


def test_a_range_with_a_gap_continues_after_it(
    written: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    written.tamper("DELETE FROM events WHERE sequence BETWEEN 6 AND 10")
    monkeypatch.setattr(store_module, "PAGE", 2)
    found = list(written.store.get_events_by_sequence_range(4, 13))
    assert [e.sequence for e in found] == [4, 5, 11, 12, 13]


FILTERS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "nothing chosen": ({}, list(range(1, 14))),
    "one type": ({"event_types": ["vote.cast"]}, [4, 6, 8, 10, 12]),
    "two types": ({"event_types": ["vote.cast", "vote.withdrawn"]}, list(range(4, 14))),
    "no type": ({"event_types": []}, []),
    "an unknown type": ({"event_types": ["vote"]}, []),
    "an agent": ({"agent_id": "agent-8"}, [5, 8, 11]),
    "an agent and a type": ({"agent_id": "agent-8", "event_types": ["vote.cast"]}, [8]),
    "an agent in a range": ({"agent_id": "agent-8", "start": 6, "end": 10}, [8]),
    "local from is included": ({"local_from": NOON - timedelta(hours=2)}, [1, 2, 3, 4, 5, 6, 13]),
    "local to is not": (
        {"local_from": NOON - timedelta(hours=4), "local_to": NOON - timedelta(hours=2)},
        [7, 8],
    ),
    "authority from": ({"authority_from": NOON}, list(range(1, 14))),
    "authority to": ({"authority_to": NOON}, []),
    "drifted": ({"drifted": True}, list(range(4, 13))),
    "in step": ({"drifted": False}, [1, 2, 3, 13]),
}


@pytest.mark.parametrize(("chosen", "expected"), FILTERS.values(), ids=FILTERS.keys())
def test_filters(written: Ledger, chosen: dict[str, Any], expected: list[int]) -> None:
    assert sequences(written, **chosen) == expected
    newest = written.store.select(EventFilter(**chosen), limit=3, newest_first=True)
    assert [e.sequence for e in newest] == expected[::-1][:3]
    assert sequences(written, limit=2, **chosen) == expected[:2]


def test_an_event_is_found_by_id_and_by_sequence(written: Ledger) -> None:
    by_sequence = written.store.get_event(4)
    assert by_sequence is not None
    unknown = "0191d7a0-0000-7000-8000-000000000001"
    found = written.store.get_events_by_id([by_sequence.event_id, unknown])
    assert found == {by_sequence.event_id: by_sequence}


def test_events_are_read_as_they_were_written(ledger: Ledger) -> None:
    payload = {"e22": 1e22, "zero": -0.0, "long": 2**64 - 1, "tiny": 5e-324, "é\U0001f600": ["\n"]}
    appended = writer().write_event(submission(payload, event_type='Zoë "x" \\ 北京')).event
    read = ledger.store.get_event(appended.sequence)
    assert read is not None
    assert read.canonical_payload == appended.canonical_payload
    assert read.signable_content() == appended.signable_content()
    for name in ("content_hash", "signature", "witness_signature", "payload_hash", "payload_salt"):
        assert getattr(read, name) == getattr(appended, name)
    assert ledger.query("SELECT DISTINCT jsonb_typeof(payload) FROM events") == [("object",)]
    assert ledger.query("SELECT * FROM verify_chain()") == []
