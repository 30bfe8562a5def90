"""POST /api/v1/events: one event in, the stored event out."""

from __future__ import annotations

import re

import orjson
import pytest

from events.format.event import FIELDS
from events.tests.support import api
from events.tests.support.ledger import Ledger

EVENT_ID = "0191D7A0-0000-7000-8000-000000000001"
LEAP = "2016-12-31T23:59:59.999999Z"


def test_answers_201_the_event_and_where_it_is(ledger: Ledger) -> None:
    response = api.agent().post("events", api.event())
    stored = response.json()
    assert response.status_code == 201
    assert response["Location"] == "/api/v1/events/4"
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    assert tuple(stored) == FIELDS
    assert stored["sequence"] == 4
    assert stored["payload"] == {"number": 1}
    assert stored["local_timestamp"] == "2026-01-31T10:00:00.000000Z"


def test_the_agent_is_the_tokens_agent(ledger: Ledger) -> None:
    assert api.agent("agent-8").post("events", api.event()).json()["agent_id"] == "agent-8"


def test_the_location_leads_to_the_same_bytes(ledger: Ledger) -> None:
    caller = api.agent()
    sent = caller.post("events", api.event(payload={"b": 1, "a": [True, None, "é"]}))
    found = caller.get(sent["Location"]).content
    assert found == sent.content[:-1] + b"," + orjson.dumps(api.RUNNING)[1:]


def test_numbers_come_back_byte_for_byte(ledger: Ledger) -> None:
    body = (
        b'{"event_type": "t", "local_timestamp": "2026-01-31T12:00:00Z", "payload": '
        b'{"z": 18446744073709551615, "y": -9223372036854775808, "x": 9007199254740993,'
        b' "w": 1e21, "v": 1e22, "u": 0.1, "t": -0.0, "s": 1.0, "r": 5e-324,'
        b' "\\u20ac": "\\ud83d\\ude00"}}'
    )
    caller = api.agent()
    expected = (
        '"payload":{"r":5e-324,"s":1,"t":0,"u":0.1,"v":1e+22,"w":1e+21,"x":9007199254740993,'
        '"y":-9223372036854775808,"z":18446744073709551615,"€":"😀"},'
    ).encode()
    assert expected in caller.post("events", raw=body).content
    assert expected in caller.get("events/4").content
    assert expected in caller.get("events").content
    exported = b"".join(caller.get("export").streaming_content)
    assert expected in exported


def test_a_bare_value_is_a_payload(ledger: Ledger) -> None:
    caller = api.agent()
    payloads: list[object] = [None, 0, "", [], False]
    for payload in payloads:
        assert caller.post("events", api.event(payload=payload)).json()["payload"] == payload


def test_a_payload_of_exactly_1_mib_is_taken(ledger: Ledger) -> None:
    response = api.agent().post("events", api.event(payload="x" * (2**20 - 2)))
    assert response.status_code == 201


def test_a_clock_in_1970_is_accepted(ledger: Ledger) -> None:
    response = api.agent().post("events", api.event(local_timestamp="1970-01-01T00:00:00Z"))
    assert response.status_code == 201
    assert ledger.query("SELECT count(*) FROM clock_drift_warnings") == [(1,)]


@pytest.mark.parametrize("time", ["2016-12-31T23:59:60Z", "2017-01-01T05:29:60.5+05:30"])
def test_a_leap_second_is_the_last_microsecond_before_it(ledger: Ledger, time: str) -> None:
    caller, sent = api.agent(), api.event(event_id=EVENT_ID, local_timestamp=time)
    assert caller.post("events", sent).json()["local_timestamp"] == LEAP
    assert caller.post("events", sent).status_code == 200
    batch = [api.event(local_timestamp=time), api.event(local_timestamp=time.lower())]
    assert caller.post("events/batch", batch).status_code == 201
    assert [event.local_timestamp for event in ledger.written()] == [LEAP] * 3
    refused = caller.post("events", api.event(local_timestamp=time.replace(":60", ":61")))
    assert api.problem(refused, 400, "invalid-event")["errors"][0]["pointer"] == "/local_timestamp"


def test_the_same_event_again_is_found_not_written(ledger: Ledger) -> None:
    caller = api.agent()
    first = caller.post("events", api.event(event_id=EVENT_ID))
    again = caller.post("events", api.event(event_id=EVENT_ID.lower()))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert again["Location"] == first["Location"]
    assert len(ledger.written()) == 1


def test_the_same_id_with_other_content_conflicts(ledger: Ledger) -> None:
    caller = api.agent()
    caller.post("events", api.event(event_id=EVENT_ID))
    for changed in (
        {"payload": {"number": 2}},
        {"event_type": "other"},
        {"local_timestamp": "2026-01-31T10:00:00.000001Z"},
    ):
        response = caller.post("events", api.event(event_id=EVENT_ID, **changed))
        detail = api.problem(response, 409, "event-id-conflict")
        assert detail["event_id"] == EVENT_ID.lower()
        assert detail["sequence"] == 4
    assert len(ledger.written()) == 1


def test_the_same_id_of_another_agent_conflicts(ledger: Ledger) -> None:
    api.agent("agent-7").post("events", api.event(event_id=EVENT_ID))
    response = api.agent("agent-8").post("events", api.event(event_id=EVENT_ID))
    detail = api.problem(response, 409, "event-id-conflict")
    assert (detail["event_id"], detail["sequence"]) == (EVENT_ID.lower(), None)
    assert "sequence" not in detail["detail"], "where it stands is for those who may read it"
    batch = [api.event(), api.event(event_id=EVENT_ID)]
    detail = api.problem(api.agent("agent-8").post("events/batch", batch), 409, "event-id-conflict")
    assert (detail["sequence"], detail["index"]) == (None, 1)


def test_without_an_id_every_sending_is_an_event(ledger: Ledger) -> None:
    caller = api.agent()
    ids = [caller.post("events", api.event()).json()["event_id"] for _ in range(2)]
    assert len(set(ids)) == 2
    assert all(re.fullmatch("[0-9a-f-]{36}", each) for each in ids)


def test_a_charset_of_utf_8_is_taken(ledger: Ledger) -> None:
    response = api.agent().post(
        "events", api.event(), content_type='application/json; charset="UTF-8"'
    )
    assert response.status_code == 201


def test_the_same_event_again_after_its_payload_was_tampered_with(ledger: Ledger) -> None:
    caller = api.agent()
    caller.post("events", api.event(event_id=EVENT_ID))
    deep = "[" * 200 + "]" * 200
    ledger.tamper(f"UPDATE events SET payload = '{deep}'")
    response = caller.post("events", api.event(event_id=EVENT_ID))
    assert api.problem(response, 500, "unreadable-event")["sequence"] == 4


def test_an_id_used_by_a_row_outside_the_ledger_is_a_conflict(ledger: Ledger) -> None:
    """The row is hidden from the index of numbers, so it is no event; the index of ids has it."""
    ledger.write(2)
    kept_up = (
        "UPDATE pg_index SET indisready = {0}, indisvalid = {0}"
        " WHERE indexrelid = 'events_sequence_key'::regclass"
    )
    columns = ", ".join(field for field in FIELDS if field not in ("event_id", "payload"))
    ledger.tamper(
        kept_up.format("false"),
        f"INSERT INTO events (event_id, payload, {columns})"
        f" SELECT '{EVENT_ID}', payload, {columns} FROM events WHERE sequence = 4",
        kept_up.format("true"),
    )
    caller = api.agent()
    response = caller.post("events", api.event(event_id=EVENT_ID))
    assert response.status_code == 409
    assert response.json()["event_id"] == EVENT_ID.lower()
    assert response.json()["sequence"] is None
    assert caller.post("events", api.event()).status_code == 201
