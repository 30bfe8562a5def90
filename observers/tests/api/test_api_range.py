"""GET /api/v1/events: ranges, pages, filters, and what the answer leaves out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest

from events.append.services import writer
from events.format.event import event_json
from events.tests.support import api
from events.tests.support.ceremonies import document_gap, forge
from events.tests.support.ledger import Ledger, submission

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def sequences(page: dict[str, Any]) -> list[int]:
    return [event["sequence"] for event in page["events"]]


def test_an_empty_ledger(unopened: Ledger) -> None:
    assert api.observer().get("events").json() == {
        "events": [],
        "next": None,
        "completeness": {
            "head_sequence": 0,
            "complete_through": 0,
            "start": 1,
            "end": 0,
            "gaps": [],
            "gaps_truncated": False,
            "replica": None,
        },
        "system_status": {"halted": False, "reason": None, "since": None},
    }


def test_events_come_in_order_with_all_their_fields(ledger: Ledger) -> None:
    written = ledger.write(3)
    response = api.observer().get("events?start=4")
    expected = b'{"events":[' + b",".join(event_json(event) for event in written) + b'],"next"'
    assert response.content.startswith(expected)


RANGES = {
    "start=6": [6, 7, 8],
    "end=3": [1, 2, 3],
    "start=2&end=4": [2, 3, 4],
    "start=3&end=3": [3],
    "after=6": [7, 8],
    "after=0": [1, 2, 3, 4, 5, 6, 7, 8],
    "after=8": [],
    "after=1&end=3": [2, 3],
    "after=3&end=3": [],
    "start=8&end=99": [8],
    "start=9": [],
    "start=9223372036854775807": [],
    "after=9223372036854775807": [],
    "limit=2": [1, 2],
}


@pytest.mark.parametrize("query", RANGES)
def test_a_range(ledger: Ledger, query: str) -> None:
    ledger.write(5)
    assert sequences(api.observer().get(f"events?{query}").json()) == RANGES[query]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 1000])
def test_pages_lead_over_gaps_to_the_end(ledger: Ledger, limit: int) -> None:
    ledger.write(8)
    ledger.tamper("DELETE FROM events WHERE sequence IN (6, 7, 10)")
    walked = list(api.pages(api.observer(), f"events?start=4&limit={limit}"))
    assert [number for page in walked for number in sequences(page)] == [4, 5, 8, 9, 11]
    gaps = [gap for page in walked for gap in page["completeness"]["gaps"]]
    assert sum(gap["count"] for gap in gaps) == 3
    ranges = [(p["completeness"]["start"], p["completeness"]["end"]) for p in walked]
    assert ranges[0][0] == 4
    assert ranges[-1][1] == 11
    assert all(before[1] + 1 == after[0] for before, after in pairwise(ranges))


def test_next_keeps_every_filter(ledger: Ledger) -> None:
    ledger.write(3)
    ledger.write(3, agent_id="agent-8")
    query = "event_type=test.happened&event_type=x+y&agent_id=agent-8&limit=2&end=9&start=5"
    first = api.observer().get(f"events?{query}").json()
    assert first["next"] == (
        "/api/v1/events?event_type=test.happened&event_type=x+y&agent_id=agent-8&limit=2&end=9&after=8"
    )
    (last,) = api.pages(api.observer(), first["next"])
    assert sequences(last) == [9]


def test_there_is_no_next_page_after_the_end(ledger: Ledger) -> None:
    ledger.write(5)
    for query in ("end=2&limit=2", "limit=8", "after=6&limit=2"):
        assert api.observer().get(f"events?{query}").json()["next"] is None


def test_a_poller_continues_from_the_answered_end(ledger: Ledger) -> None:
    caller = api.observer()
    ledger.write(2)
    seen, after = [], 0
    for _ in range(3):
        page = caller.get(f"events?after={after}&agent_id=agent-8").json()
        seen += sequences(page)
        after = page["completeness"]["end"]
        ledger.write(1)
        ledger.write(1, agent_id="agent-8")
    assert seen == [7, 9]
    assert after == 9


def test_a_poller_that_is_ahead_misses_nothing(ledger: Ledger) -> None:
    ledger.write(1)
    page = api.observer().get("events?start=8").json()
    assert (page["completeness"]["start"], page["completeness"]["end"]) == (8, 7)


@pytest.fixture
def varied(ledger: Ledger) -> Ledger:
    """4 and 5 by agent-7, 6 by agent-8; their clocks at noon, one hour and two hours later."""
    for hour, (agent, kind) in enumerate(
        [("agent-7", "door.open"), ("agent-7", "door.shut"), ("agent-8", "door.open")]
    ):
        moment = NOON + timedelta(hours=hour)
        writer().write_event(
            submission(number=hour, event_type=kind, agent_id=agent, local_timestamp=moment)
        )
    writer().write_event(submission(number=4, event_type="now", agent_id="agent-8"))
    return ledger


FILTERS = {
    "event_type=door.open": [4, 6],
    "event_type=door.open&event_type=door.shut": [4, 5, 6],
    "event_type=nothing": [],
    "agent_id=agent-7": [4, 5],
    "agent_id=agent-7&event_type=door.open": [4],
    "local_from=2026-01-31T13:00:00Z": [1, 2, 3, 5, 6, 7],
    "local_to=2026-01-31T13:00:00Z": [4],
    "local_from=2026-01-31T14:00:00%2B01:00&local_to=2026-01-31T14:00:00.000001Z": [5, 6],
    "local_from=2026-01-31T13:00:00Z&local_to=2026-01-31T13:00:00Z": [],
    "drifted=true": [4, 5, 6],
    "drifted=false": [1, 2, 3, 7],
}


@pytest.mark.parametrize("query", FILTERS)
def test_a_filter(varied: Ledger, query: str) -> None:
    page = api.observer().get(f"events?{query}").json()
    assert sequences(page) == FILTERS[query]
    assert (page["completeness"]["start"], page["completeness"]["end"]) == (1, 7)


def test_the_authority_time_filter_is_half_open(varied: Ledger) -> None:
    caller = api.observer()
    third = quote(caller.get("events/6").json()["authority_timestamp"])
    assert sequences(caller.get(f"events?authority_from={third}").json()) == [6, 7]
    assert sequences(caller.get(f"events?authority_to={third}").json()) == [1, 2, 3, 4, 5]


REFUSED = {
    "start=0": ["start"],
    "start=-1": ["start"],
    "start=1.0": ["start"],
    "start=": ["start"],
    "start=%D9%A1": ["start"],
    "start=9223372036854775808": ["start"],
    "start=4&end=3": ["end"],
    "start=1&after=1": ["after"],
    "start=1&start=2": ["start"],
    "limit=0": ["limit"],
    "limit=1001": ["limit"],
    "drifted=yes": ["drifted"],
    "drifted=True": ["drifted"],
    "agent_id=": ["agent_id"],
    "agent_id=%00": ["agent_id"],
    "agent_id=" + "a" * 201: ["agent_id"],
    "event_type=": ["event_type"],
    "event_type=" + "&event_type=".join("abc" * 40): ["event_type"],
    "local_from=yesterday": ["local_from"],
    "local_from=2026-01-31T12:00:00": ["local_from"],
    "local_from=2026-01-31T12:00:00+02:00": ["local_from"],
    "authority_from=2026-02-01T00:00:00Z&authority_to=2026-01-01T00:00:00Z": ["authority_to"],
    "offset=3": ["offset"],
    "limit=0&page=2": ["limit", "page"],
}


@pytest.mark.parametrize("query", REFUSED)
def test_a_wrong_parameter_is_refused_by_name(ledger: Ledger, query: str) -> None:
    detail = api.problem(api.observer().get(f"events?{query}"), 400, "invalid-parameter")
    assert [error["parameter"] for error in detail["errors"]] == REFUSED[query]


def test_a_plus_in_an_address_is_explained(ledger: Ledger) -> None:
    response = api.observer().get("events?local_to=2026-01-31T12:00:00+02:00")
    assert "%2B" in api.problem(response, 400, "invalid-parameter")["detail"]


def test_gaps_of_the_answered_range_are_named(ledger: Ledger) -> None:
    ledger.write(9)
    ledger.tamper("DELETE FROM events WHERE sequence IN (5, 8, 9)")
    ceremony = document_gap(ledger, 8, 9).sequence
    whole = api.observer().get("events?end=11").json()["completeness"]
    assert whole["gaps"] == [
        {"start": 5, "end": 5, "count": 1, "documented": False, "ceremony_sequence": None},
        {"start": 8, "end": 9, "count": 2, "documented": True, "ceremony_sequence": ceremony},
    ]
    assert (whole["head_sequence"], whole["complete_through"]) == (16, 4)


def test_a_documented_gap_does_not_end_completeness(ledger: Ledger) -> None:
    ledger.write(5)
    ledger.tamper("DELETE FROM events WHERE sequence IN (5, 6)")
    document_gap(ledger, 5, 6)
    assert api.observer().get("events").json()["completeness"]["complete_through"] == 12


def test_a_gap_that_the_range_cuts_off_stays_documented(ledger: Ledger) -> None:
    ledger.write(6)
    ledger.tamper("DELETE FROM events WHERE sequence BETWEEN 5 AND 8")
    ceremony = document_gap(ledger, 5, 8).sequence
    for start, end in ((6, 7), (4, 6), (7, 10), (5, 8)):
        (gap,) = (
            api.observer().get(f"events?start={start}&end={end}").json()["completeness"]["gaps"]
        )
        assert gap["ceremony_sequence"] == ceremony
        assert (gap["start"], gap["end"]) == (max(start, 5), min(end, 8))


def test_one_persons_approval_documents_nothing(ledger: Ledger) -> None:
    ledger.write(3)
    ledger.tamper("DELETE FROM events WHERE sequence = 5")
    forge(ledger, {"first": 5, "last": 5, "approvals": [{"person": "Ada"}]})
    whole = api.observer().get("events").json()["completeness"]
    assert whole["gaps"][0]["documented"] is False
    assert whole["complete_through"] == 4


def test_a_filter_does_not_hide_gaps(ledger: Ledger) -> None:
    ledger.write(4)
    ledger.tamper("DELETE FROM events WHERE sequence = 6")
    page = api.observer().get("events?agent_id=nobody").json()
    assert page["events"] == []
    assert [gap["start"] for gap in page["completeness"]["gaps"]] == [6]


def test_a_cut_tail_is_a_gap(ledger: Ledger) -> None:
    ledger.write(4)
    ledger.tamper("DELETE FROM events WHERE sequence > 5")
    page = api.observer().get("events?start=5").json()
    whole = page["completeness"]
    assert sequences(page) == [5]
    assert (whole["head_sequence"], whole["complete_through"], whole["end"]) == (7, 5, 7)
    assert [(gap["start"], gap["end"]) for gap in whole["gaps"]] == [(6, 7)]


def test_a_cut_tail_is_seen_from_any_range(ledger: Ledger) -> None:
    ledger.write(4)
    ledger.tamper("DELETE FROM events WHERE sequence = 7")
    whole = api.observer().get("events?start=1&end=2").json()["completeness"]
    assert (whole["gaps"], whole["complete_through"]) == ([], 6)


def test_when_fewer_were_appended_than_numbered_every_number_is_looked_at(ledger: Ledger) -> None:
    ledger.write(6)
    ledger.tamper(
        "DELETE FROM events WHERE sequence = 5",
        "UPDATE appends SET event_count = 8 WHERE last_sequence = 9",
    )
    whole = api.observer().get("events?start=7").json()["completeness"]
    assert (whole["gaps"], whole["complete_through"]) == ([], 4)


def test_a_gap_of_a_billion_is_one_gap(ledger: Ledger) -> None:
    ledger.write(2)
    ledger.tamper(
        "UPDATE events SET sequence = 1000000005 WHERE sequence = 5",
        "UPDATE appends SET last_sequence = 1000000005, first_sequence = 1000000005"
        " WHERE last_sequence = 5",
    )
    page = api.observer().get("events").json()
    assert sequences(page) == [1, 2, 3, 4, 1_000_000_005]
    assert [gap["count"] for gap in page["completeness"]["gaps"]] == [10**9]


def test_more_gaps_than_are_listed(ledger: Ledger) -> None:
    events = [submission(number=number) for number in range(2500)]
    writer().write_events(events)
    ledger.tamper("DELETE FROM events WHERE sequence % 2 = 0 AND sequence < 2500")
    whole = api.observer().get("events?event_type=none").json()["completeness"]
    assert len(whole["gaps"]) == 1000
    assert whole["gaps_truncated"] is True


def test_large_events_end_a_page_early(ledger: Ledger) -> None:
    large = "x" * (2**20 - 2)
    writer().write_events([submission(large) for _ in range(40)])
    walked = list(api.pages(api.observer(), "events?start=4&limit=40"))
    assert [len(page["events"]) for page in walked] == [32, 8]


def test_an_event_that_cannot_be_read_is_named(ledger: Ledger) -> None:
    ledger.write(3)
    deep = "[" * 200 + "]" * 200
    ledger.tamper(f"UPDATE events SET payload = '{deep}' WHERE sequence = 5")
    for path in ("events", "events/5"):
        assert api.problem(api.observer().get(path), 500, "unreadable-event")["sequence"] == 5
    assert sequences(api.observer().get("events?start=6").json()) == [6]
