"""POST /api/v1/ingest records JSON records or lines of text unchanged as payloads."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pytest

from events.api.bodies import LINES
from events.api.shippers import framing
from events.tests.support import api
from events.tests.support.ledger import Ledger

ONE, TWO, THREE = {"host": "web-1", "n": 1}, {"host": "web-2", "n": 2}, {"host": "web-1", "n": 3}
RECORDS = [ONE, TWO, THREE]
JSON = "application/json"
NDJSON = LINES[0]
APPENDS = "SELECT first_sequence, last_sequence FROM appends WHERE first_sequence > 3"


def text(*records: Any, between: str = "") -> bytes:
    return between.join(json.dumps(record) for record in records).encode()


def send(body: bytes, media_type: str = JSON, *options: str, **headers: str) -> Any:
    caller = api.Caller(api.issue("--agent", "agent-7", *options))
    return caller.post("ingest", raw=body, content_type=media_type, **headers)


def stored(ledger: Ledger) -> list[Any]:
    return [
        row[0]
        for row in ledger.query("SELECT payload FROM events WHERE sequence > 3 ORDER BY sequence")
    ]


BODIES = {
    "an array": (JSON, json.dumps(RECORDS).encode()),
    "a pretty-printed array": (JSON, json.dumps(RECORDS, indent=2).encode()),
    "an array with a byte order mark": (JSON, b"\xef\xbb\xbf" + json.dumps(RECORDS).encode()),
    "lines as JSON": (JSON, text(*RECORDS, between="\n")),
    "pretty-printed objects": (JSON, b"\n".join(json.dumps(r, indent=1).encode() for r in RECORDS)),
    "objects with nothing between": (JSON, text(*RECORDS)),
    "objects with nothing between, as lines": (NDJSON, text(*RECORDS)),
    "several arrays": (JSON, json.dumps(RECORDS[:2]).encode() + json.dumps(RECORDS[2:]).encode()),
    "arrays with blanks and a trailing comma": (
        JSON,
        b' [ ] [ {"host":"web-1","n":1} , ' + text(TWO) + b"," + text(THREE) + b", ]\n",
    ),
    "CRLF lines with blank ones": (
        NDJSON,
        b"\r\n\r\n" + text(*RECORDS, between="\r\n \r\n") + b"\r\n",
    ),
    "lines with a byte order mark": (NDJSON, b"\xef\xbb\xbf" + text(*RECORDS, between="\n")),
    "record separators": (
        "application/json-seq",
        b"".join(b"\x1e" + text(r) + b"\n" for r in RECORDS),
    ),
    "a vendor's JSON": ("application/cloudevents-batch+json", json.dumps(RECORDS).encode()),
    "JSON with a charset": ("application/json; charset=UTF-8", json.dumps(RECORDS).encode()),
} | {name: (name, text(*RECORDS, between="\n")) for name in LINES}


@pytest.mark.parametrize("name", BODIES)
def test_records_are_payloads_whatever_their_form(ledger: Ledger, name: str) -> None:
    media_type, body = BODIES[name]
    response = send(body, media_type)
    assert response.status_code == 200, response.content
    assert response.json() == {
        "received": 3,
        "created": 3,
        "already_there": 0,
        "rejected": 0,
        "first_sequence": 4,
        "last_sequence": 6,
        "errors": [],
    }
    assert stored(ledger) == RECORDS


def test_one_object_is_one_record(ledger: Ledger) -> None:
    """An object is one event even if it holds a list: nothing beside the list is lost."""
    record = {"records": [ONE, TWO], "who": "zoe"}
    assert send(json.dumps(record).encode()).json()["created"] == 1
    assert stored(ledger) == [record]


def test_lines_of_text_are_records(ledger: Ledger) -> None:
    response = send("first\r\n\n  indented \té\nlast".encode(), "text/plain; charset=utf-8")
    assert response.json()["created"] == 3
    assert stored(ledger) == [{"line": "first"}, {"line": "  indented \té"}, {"line": "last"}]


def test_a_record_is_of_the_tokens_agent_at_the_portals_clock(ledger: Ledger) -> None:
    send(text({"agent": "somebody else", "event_type": "x", "time": "1970-01-01T00:00:00Z"}))
    (event,) = ledger.written()
    assert (event.agent_id, event.event_type) == ("agent-7", "log.line")
    assert event.local_timestamp[:15] == event.authority_timestamp[:15]


def test_numbers_stay_exact(ledger: Ledger) -> None:
    send(b'{"big":18446744073709551615,"small":-9223372036854775808,"half":0.5}')
    (row,) = ledger.query(
        "SELECT payload->>'big', payload->>'small' FROM events WHERE sequence > 3"
    )
    assert row == ("18446744073709551615", "-9223372036854775808")


NOT_RECORDS = {
    "text as JSON": (JSON, b"Jan 31 12:00:00 web-1 sshd[7]: hello\n", "text/plain"),
    "a text log that begins with a bracket": (
        JSON,
        b"[Thu Jun 09 06:07:04 2005] [notice] LDAP: Built with OpenLDAP\n",
        "not JSON",
    ),
    "a number": (JSON, b"17", "not JSON"),
    "an array that is not ended": (JSON, b'[{"a":1},', "not closed"),
    "words between records": (JSON, text(ONE) + b" and " + text(TWO), "not JSON"),
    "no comma in an array": (JSON, b"[" + text(ONE, TWO) + b"]", "not JSON"),
    "nothing": (JSON, b" \n", "empty"),
    "an empty array": (JSON, b"[]", "no record"),
    "another charset": ("text/plain; charset=latin-1", b"x", "UTF-8"),
    "msgpack": ("application/msgpack", b"\x81\xa1a\x01", "application/json"),
    "a form": ("application/x-www-form-urlencoded", b"a=1", "application/x-ndjson"),
    "no type": ("", b"{}", "Content-Type"),
}


@pytest.mark.parametrize("name", NOT_RECORDS)
def test_a_body_without_records_is_refused_as_a_whole(ledger: Ledger, name: str) -> None:
    media_type, body, said = NOT_RECORDS[name]
    response = send(body, media_type)
    assert response.status_code in (400, 415)
    assert said in response.json()["detail"]
    assert ledger.written() == []


def test_good_records_go_in_and_bad_ones_are_named(ledger: Ledger) -> None:
    """A reserved type, U+0000, a repeated key, a number and invalid JSON, among good records."""
    lines = [
        text(ONE),
        b'{"kind":"system.halted"}',
        b'{"a":{"b":"\\u0000"}}',
        b'{"a":1,"a":2}',
        b"",
        b"17",
        b"{oops}",
        b'{"a":' + b"9" * 30 + b"}",
        text(TWO),
    ]
    response = send(b"\n".join(lines), NDJSON, "--type-field", "kind")
    answer = response.json()
    assert response.status_code == 207
    assert (answer["received"], answer["created"], answer["rejected"]) == (8, 2, 6)
    named = [(e["index"], e["line"], e["pointer"]) for e in answer["errors"]]
    assert named == [(1, 2, ""), (2, 3, "/a/b"), (3, 4, ""), (4, 6, ""), (5, 7, ""), (6, 8, "")]
    assert "reserved" in answer["errors"][0]["detail"]
    assert stored(ledger) == [ONE, TWO]


def test_a_body_without_a_valid_record_is_refused(ledger: Ledger) -> None:
    detail = api.problem(send(b"1\n2", NDJSON), 400, "invalid-event")
    assert (detail["received"], detail["rejected"]) == (2, 2)
    assert [error["index"] for error in detail["errors"]] == [0, 1]


def test_at_most_100_errors_are_listed(ledger: Ledger) -> None:
    answer = send(text(ONE) + b"\n" + b"1\n" * 150, NDJSON).json()
    assert (answer["created"], answer["rejected"], len(answer["errors"])) == (1, 150, 100)


STRICT = {"Prefer": "respond-async, handling=strict"}


def test_strict_is_all_or_nothing(ledger: Ledger) -> None:
    good = text(*RECORDS, between="\n")
    refused = send(good + b"\n17", NDJSON, **STRICT)
    detail = api.problem(refused, 400, "invalid-event")
    assert [error["index"] for error in detail["errors"]] == [3]
    assert ledger.written() == []
    taken = send(good, NDJSON, **STRICT)
    assert (taken.status_code, taken.json()["created"]) == (200, 3)
    assert taken["Preference-Applied"] == "handling=strict"
    assert ledger.query(APPENDS) == [(4, 6)]


def test_strict_takes_no_more_than_one_transaction(ledger: Ledger) -> None:
    api.problem(send(b"{}" * 1001, **STRICT), 400, "invalid-batch")
    assert ledger.written() == []


@pytest.mark.parametrize("prefer", ["handling=lenient", "handling=lenient, handling=strict", "x"])
def test_another_preference_is_lenient(ledger: Ledger, prefer: str) -> None:
    response = send(text(ONE) + b"17", NDJSON, Prefer=prefer)
    assert response.status_code == 207
    assert "Preference-Applied" not in response


def test_the_same_body_again_adds_nothing(ledger: Ledger) -> None:
    body = text(ONE, ONE, TWO, between="\n")
    first, again = (
        send(body, NDJSON),
        send(gzip.compress(body), NDJSON, **{"Content-Encoding": "gzip"}),
    )
    assert (first.json()["created"], first.json()["already_there"]) == (3, 0)
    assert (again.json()["created"], again.json()["already_there"]) == (0, 3)
    assert again.json()["last_sequence"] == 6
    assert stored(ledger) == [ONE, ONE, TWO]


def test_a_key_tells_bodies_with_the_same_content_apart(ledger: Ledger) -> None:
    for key, created in (("1", 1), ("2", 1), ("1", 0), (None, 1)):
        headers = {} if key is None else {"Idempotency-Key": key}
        assert send(text(ONE), **headers).json()["created"] == created


def test_the_same_body_of_another_agent_is_its_own(ledger: Ledger) -> None:
    send(text(ONE))
    other = api.agent("agent-8").post("ingest", ONE)
    assert other.json()["created"] == 1


def test_ids_are_as_documented(ledger: Ledger) -> None:
    """UUIDv8 of SHA-256: context, agent, body, place."""
    from hashlib import sha256

    body = text(ONE, TWO)
    send(body)
    seed = sha256(b"agent-7").digest() + sha256(body).digest()
    for place, event in enumerate(ledger.written()):
        digest = sha256(
            b"audit-portal http ingest v1\n" + seed + place.to_bytes(8, "big")
        ).hexdigest()
        found = event.event_id.replace("-", "")
        assert (found[12], found[16] in "89ab") == ("8", True)
        assert (found[:12], found[13:16], found[17:]) == (digest[:12], digest[13:16], digest[17:32])


def test_an_id_of_the_records_own_wins(ledger: Ledger) -> None:
    uuid = "0191D7A0-0000-7000-8000-000000000001"
    sent = [{"id": uuid, "n": 1}, {"id": "req-17", "n": 2}, {"id": 17, "n": 3}, {"n": 4}]
    first = send(json.dumps(sent).encode(), JSON, "--id-field", "id")
    assert (first.status_code, first.json()["created"]) == (207, 3)
    assert first.json()["errors"][0]["pointer"] == "/id"
    # Others around it, in another order: only what is new is added.
    again = send(
        json.dumps([{"id": "new"}, *reversed(sent[:3])]).encode(), JSON, "--id-field", "id"
    )
    assert (again.json()["created"], again.json()["already_there"]) == (1, 3)
    assert ledger.written()[0].event_id == uuid.lower()


def test_an_id_that_is_taken_with_other_content_is_one_rejected_record(ledger: Ledger) -> None:
    send(text({"id": "a", "n": 1}), JSON, "--id-field", "id")
    sent = [{"id": "b"}, {"id": "a", "n": 2}, {"id": "c"}, {"id": "c", "n": 3}, {"id": "b"}]
    response = send(json.dumps(sent).encode(), JSON, "--id-field", "id")
    answer = response.json()
    assert response.status_code == 207
    assert [error["index"] for error in answer["errors"]] == [1, 3]
    assert (answer["created"], answer["already_there"]) == (2, 1)


def test_type_and_time_come_from_the_tokens_fields(ledger: Ledger) -> None:
    options = ["--type", "web.access", "--type-field", "what.kind", "--local-time", "at,seen"]
    options += ["--local-time-unit", "ms", "--local-zone", "+02:00"]
    sent: list[Any] = [
        {"what": {"kind": "login"}, "at": 1_767_225_600_123},
        {"seen": "2026-01-01 12:00:00"},
        {"at": 7},
        {"at": "whenever"},
    ]
    response = send(json.dumps(sent).encode(), JSON, *options)
    assert [(event.event_type, event.local_timestamp) for event in ledger.written()] == [
        ("login", "2026-01-01T00:00:00.123000Z"),
        ("web.access", "2026-01-01T10:00:00.000000Z"),
        ("web.access", "1970-01-01T00:00:00.007000Z"),
    ]
    assert [error["index"] for error in response.json()["errors"]] == [3]


def test_the_presets_time_is_the_portals_clock_at_an_address_without_preset(ledger: Ledger) -> None:
    """One token serves the address with a preset, the one without, and the other protocols."""
    for options in (["--local-time", "preset"], ["--local-time", "preset,at"]):
        answer = send(text({"at": "2020-01-31T12:00:00Z", "of": options}), JSON, *options)
        assert answer.json()["created"] == 1
    assert [event.local_timestamp < "2021" for event in ledger.written()] == [False, True]


def test_a_preset_knows_the_type(ledger: Ledger) -> None:
    record = {
        "eventName": "ConsoleLogin",
        "eventSource": "signin",
        "eventTime": "2026-01-01T00:00:00Z",
    }
    caller = api.agent()
    assert caller.post("ingest/cloudtrail", record).json()["created"] == 1
    (event,) = ledger.written()
    assert (event.event_type, event.agent_id) == ("ConsoleLogin", "agent-7")
    detail = api.problem(caller.post("ingest/cloudtrial", record), 404, "not-found")
    assert "cloudtrail" in detail["detail"]


def test_more_than_a_thousand_records_are_several_transactions(ledger: Ledger) -> None:
    body = b"".join(b'{"n":%d}\n' % number for number in range(2_500))
    assert send(body, NDJSON).json()["created"] == 2_500
    assert len(ledger.query(APPENDS)) == 3
    assert send(body, NDJSON).json()["already_there"] == 2_500


def test_a_body_of_too_many_records_is_refused(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(framing, "MAX_RECORDS", 10)
    for media_type, body in (
        (JSON, b"{}" * 11),
        (NDJSON, b"{}\n" * 11),
        ("text/plain", b"x\n" * 11),
    ):
        detail = api.problem(send(body, media_type), 413, "too-large")
        assert detail["max_records"] == 10
    assert send(b"{}" * 10).json()["created"] == 10


def test_a_halted_ledger_accepts_nothing_but_finds_recorded_events(ledger: Ledger) -> None:
    send(text(ONE))
    api.halt(ledger)
    assert send(text(ONE)).json()["already_there"] == 1
    detail = api.problem(send(text(TWO)), 503, "halted")
    assert detail["taken"] == 0
    api.problem(send(text(ONE, TWO), **STRICT), 503, "halted")
    assert len(ledger.written()) == 1


def test_a_failure_between_groups_says_how_many_were_recorded(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.api.shippers.intake.MAX_BATCH", 2)
    sent = [{"id": str(number)} for number in range(5)]
    send(json.dumps(sent[:2]).encode(), JSON, "--id-field", "id")
    api.halt(ledger)
    refused = send(json.dumps(sent).encode(), JSON, "--id-field", "id")
    assert api.problem(refused, 503, "halted")["taken"] == 2


def test_chunked_bodies_are_accepted_only_where_truncation_is_visible(ledger: Ledger) -> None:
    def chunked(body: bytes, **environ: Any) -> Any:
        return api.agent().environ(
            "ingest",
            HTTP_TRANSFER_ENCODING="chunked",
            CONTENT_TYPE=NDJSON,
            **{"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True},
            **environ,
        )

    api.problem(chunked(text(ONE)), 411, "length-required")
    packed = gzip.compress(text(ONE))
    assert chunked(packed, HTTP_CONTENT_ENCODING="gzip").json()["created"] == 1
    api.problem(chunked(packed[:-1], HTTP_CONTENT_ENCODING="gzip"), 400, "bad-request")


@pytest.mark.parametrize("path", ["ingest", "ingest/windows"])
def test_a_token_that_may_not_write_is_refused(ledger: Ledger, path: str) -> None:
    api.problem(api.observer().post(path, ONE), 403, "forbidden")
    api.problem(api.Caller("").post(path, ONE), 401, "unauthenticated")
    api.problem(api.agent().get(path), 405, "method-not-allowed")


def test_a_record_that_is_too_large_is_one_rejected_record(ledger: Ledger) -> None:
    body = b"\n".join([text(ONE), text({"x": "y" * 2**20}), text({"x": [0] * 2**20}), text(TWO)])
    answer = send(body, NDJSON).json()
    assert [error["index"] for error in answer["errors"]] == [1, 2]
    assert all("bytes in canonical form" in error["detail"] for error in answer["errors"])
    assert stored(ledger) == [ONE, TWO]
