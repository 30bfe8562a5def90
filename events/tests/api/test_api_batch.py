"""POST /api/v1/events/batch: 1 to 1,000 events, all or nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from events.tests.support import api
from events.tests.support.ledger import Ledger

NDJSON = "application/x-ndjson"
APPENDS = "SELECT first_sequence, last_sequence FROM appends WHERE first_sequence > 3"


def ids(count: int) -> list[str]:
    return [f"0191d7a0-0000-7000-8000-{number:012d}" for number in range(count)]


def batch(count: int) -> list[dict[str, Any]]:
    return [
        api.event(event_id=event_id, payload={"number": number})
        for number, event_id in enumerate(ids(count))
    ]


def lines(events: Sequence[Any], newline: bytes = b"\n") -> bytes:
    return b"".join(json.dumps(event).encode() + newline for event in events)


def test_an_array_is_written_in_order(ledger: Ledger) -> None:
    caller = api.agent()
    response = caller.post("events/batch", batch(3))
    answer = response.json()
    stored = caller.get("events").json()["events"]
    assert response.status_code == 201
    assert answer == {
        "first_sequence": 4,
        "last_sequence": 6,
        "count": 3,
        "created": 3,
        "events": [
            {name: event[name] for name in ("event_id", "sequence", "content_hash")}
            for event in stored
        ],
    }
    assert [event["event_id"] for event in stored] == ids(3)
    assert [event["payload"]["number"] for event in stored] == [0, 1, 2]
    assert ledger.query(APPENDS) == [(4, 6)]


FORMS = {
    "plain": lines(batch(3)),
    "without trailing newline": lines(batch(3))[:-1],
    "with blank lines": b"\n \n" + lines(batch(3), newline=b"\n\n\t\n") + b"\n",
    "with CRLF": lines(batch(3), newline=b"\r\n"),
}


@pytest.mark.parametrize("name", FORMS)
def test_ndjson_is_written_in_order(ledger: Ledger, name: str) -> None:
    response = api.agent().post("events/batch", raw=FORMS[name], content_type=NDJSON)
    assert response.status_code == 201
    assert [event["event_id"] for event in response.json()["events"]] == ids(3)


def test_the_same_batch_again_is_found(ledger: Ledger) -> None:
    caller = api.agent()
    first = caller.post("events/batch", batch(5))
    again = caller.post("events/batch", batch(5))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"created": 0}
    assert len(ledger.written()) == 5


def test_an_overlapping_batch_adds_what_is_new(ledger: Ledger) -> None:
    caller = api.agent()
    caller.post("events/batch", batch(2))
    response = caller.post("events/batch", batch(5))
    answer = response.json()
    assert response.status_code == 201
    assert (answer["first_sequence"], answer["last_sequence"]) == (4, 8)
    assert (answer["count"], answer["created"]) == (5, 3)


def test_the_same_event_twice_in_a_batch_is_one(ledger: Ledger) -> None:
    answer = api.agent().post("events/batch", batch(1) * 2).json()
    assert [event["sequence"] for event in answer["events"]] == [4, 4]
    assert (answer["count"], len(ledger.written())) == (2, 1)


def test_a_conflict_names_the_index_and_writes_nothing(ledger: Ledger) -> None:
    caller = api.agent()
    caller.post("events", api.event(event_id=ids(3)[2], payload="other"))
    detail = api.problem(caller.post("events/batch", batch(3)), 409, "event-id-conflict")
    assert (detail["index"], detail["event_id"], detail["sequence"]) == (2, ids(3)[2], 4)
    assert len(ledger.written()) == 1


def test_a_conflict_inside_the_batch_writes_nothing(ledger: Ledger) -> None:
    twins = [batch(1)[0], api.event(event_id=ids(1)[0], payload="other")]
    detail = api.problem(api.agent().post("events/batch", twins), 409, "event-id-conflict")
    assert (detail["index"], detail["sequence"]) == (1, None)
    assert ledger.written() == []


def test_every_wrong_event_is_named_and_nothing_is_written(ledger: Ledger) -> None:
    sent = [api.event(), api.event(event_type=1), api.event(), api.event(payload=..., x=1), 7]
    detail = api.problem(api.agent().post("events/batch", sent), 400, "invalid-event")
    places = [(error["index"], error["pointer"]) for error in detail["errors"]]
    assert places == [(1, "/event_type"), (3, "/x"), (3, "/payload"), (4, "")]
    assert all("line" not in error for error in detail["errors"])
    assert ledger.written() == []


def test_a_wrong_event_of_ndjson_is_also_named_by_its_line(ledger: Ledger) -> None:
    sent = lines([api.event()]) + b"\n" + lines([api.event(event_type="")])
    response = api.agent().post("events/batch", raw=sent, content_type=NDJSON)
    (error,) = api.problem(response, 400, "invalid-event")["errors"]
    assert (error["index"], error["line"], error["pointer"]) == (1, 3, "/event_type")


def test_a_line_that_is_not_json_is_named(ledger: Ledger) -> None:
    good = lines([api.event()])
    sent = good + b'{"event_type": oops}\n\n' + good + b'{"a":1,"a":1}\n' + good
    response = api.agent().post("events/batch", raw=sent, content_type=NDJSON)
    errors = api.problem(response, 400, "malformed-json")["errors"]
    assert [(error["index"], error["line"]) for error in errors] == [(1, 2), (3, 5)]
    assert ledger.written() == []


def test_at_most_100_errors_are_listed(ledger: Ledger) -> None:
    sent = [api.event(event_type=1)] * 150
    detail = api.problem(api.agent().post("events/batch", sent), 400, "invalid-event")
    assert len(detail["errors"]) == 100
    assert "150 fields" in detail["detail"]


SIZES = {
    "no event": ("application/json", b"[]"),
    "1,001 events": ("application/json", json.dumps([api.event()] * 1001).encode()),
    "1,001 lines": (NDJSON, lines([api.event()] * 1001)),
    "1,001 lines that are not JSON": (NDJSON, b"x\n" * 1001),
}


@pytest.mark.parametrize("name", SIZES)
def test_refuses_a_batch_of_another_size(ledger: Ledger, name: str) -> None:
    media_type, sent = SIZES[name]
    response = api.agent().post("events/batch", raw=sent, content_type=media_type)
    assert "1 to 1,000" in api.problem(response, 400, "invalid-batch")["detail"]


@pytest.mark.parametrize("media_type", ["application/json", NDJSON])
def test_refuses_an_empty_body(ledger: Ledger, media_type: str) -> None:
    for sent in (b"", b"\n\n"):
        response = api.agent().post("events/batch", raw=sent, content_type=media_type)
        api.problem(response, 400, "malformed-json")


def test_refuses_a_body_that_is_not_an_array(ledger: Ledger) -> None:
    api.problem(api.agent().post("events/batch", api.event()), 400, "invalid-batch")


def test_takes_1000_events_in_one_transaction(ledger: Ledger) -> None:
    answer = api.agent().post("events/batch", batch(1000)).json()
    assert (answer["first_sequence"], answer["last_sequence"]) == (4, 1003)
    assert ledger.query(APPENDS) == [(4, 1003)]


def test_takes_more_than_one_event_body_may_hold(ledger: Ledger) -> None:
    large = [api.event(payload="x" * (2**20 - 2)) for _ in range(4)]
    assert api.agent().post("events/batch", large).status_code == 201


def test_refuses_more_than_32_mib(ledger: Ledger) -> None:
    sent = json.dumps([api.event()]).encode() + b" " * 2**25
    detail = api.problem(api.agent().post("events/batch", raw=sent), 413, "too-large")
    assert detail["max_bytes"] == 2**25


def test_a_number_of_one_event_does_not_touch_the_others(ledger: Ledger) -> None:
    caller = api.agent()
    caller.post("events/batch", [api.event(payload=2**64 - 1), api.event(payload=0.5)])
    content = caller.get("events").content
    assert b'"payload":18446744073709551615,' in content
    assert b'"payload":0.5,' in content


def test_the_batch_address_only_takes_post(ledger: Ledger) -> None:
    api.problem(api.agent().get("events/batch"), 405, "method-not-allowed")
