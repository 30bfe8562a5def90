"""POST /api/v1/events refuses whatever it cannot take, naming what is wrong and where."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from events.tests.support import api
from events.tests.support.ledger import Ledger

TIME = "2026-01-31T12:00:00Z"


def body(payload: str) -> bytes:
    """An event whose payload is JSON text as it stands."""
    return f'{{"event_type":"t","local_timestamp":"{TIME}","payload":{payload}}}'.encode()


MALFORMED = {
    "empty": (b"", "empty"),
    "blank": (b" \r\n\t", "empty"),
    "not JSON": (b"hello", "not JSON"),
    "cut off": (body("1")[:-1], "not JSON"),
    "two documents": (body("1") + body("1"), "not JSON"),
    "not UTF-8": (body('"\xff"').replace(b"\xc3\xbf", b"\xff"), "not UTF-8"),
    "byte order mark": (b"\xef\xbb\xbf" + body("1"), "not JSON"),
    "NaN": (body("NaN"), "NaN"),
    "infinity": (body("-Infinity"), "-Infinity"),
    "2^64": (body("18446744073709551616"), "2^64-1"),
    "below -2^63": (body("-9223372036854775809"), "-2^63"),
    "a long integer": (body("1" * 5000), "5000 characters"),
    "double too large": (body("1e309"), "too large"),
    "repeated key": (body('{"a":1,"a":2}'), "'a' appears twice"),
    "repeated member": (b'{"event_type":"t",' + body("1")[1:], "'event_type' appears twice"),
    "depth 10,000": (body("[" * 10_000 + "]" * 10_000), "deeper than 128"),
    "depth 129": (body("[" * 128 + "]" * 128), "deeper than 128"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses_malformed_json(ledger: Ledger, name: str) -> None:
    sent, said = MALFORMED[name]
    response = api.agent().post("events", raw=sent)
    assert said in api.problem(response, 400, "malformed-json")["detail"]
    assert ledger.written() == []


INVALID: dict[str, tuple[Any, list[str]]] = {
    "an array": ([api.event()], [""]),
    "null": (None, [""]),
    "a string": ("event", [""]),
    "a number": (1, [""]),
    "nothing given": ({}, ["/event_type", "/payload", "/local_timestamp"]),
    "missing type": (api.event(event_type=...), ["/event_type"]),
    "missing payload": (api.event(payload=...), ["/payload"]),
    "missing time": (api.event(local_timestamp=...), ["/local_timestamp"]),
    "type is a number": (api.event(event_type=1), ["/event_type"]),
    "type is null": (api.event(event_type=None), ["/event_type"]),
    "type is empty": (api.event(event_type=""), ["/event_type"]),
    "type is too long": (api.event(event_type="t" * 201), ["/event_type"]),
    "type has a newline": (api.event(event_type="a\nb"), ["/event_type"]),
    "type has U+0000": (api.event(event_type="a\0"), ["/event_type"]),
    "type has a lone surrogate": (api.event(event_type="\ud800"), ["/event_type"]),
    "type is reserved": (api.event(event_type="ceremony.x"), ["/event_type"]),
    "time is a number": (api.event(local_timestamp=0), ["/local_timestamp"]),
    "time without offset": (api.event(local_timestamp="2026-01-31T12:00:00"), ["/local_timestamp"]),
    "no such time": (api.event(local_timestamp="2026-02-30T12:00:00Z"), ["/local_timestamp"]),
    "no time at all": (api.event(local_timestamp="yesterday"), ["/local_timestamp"]),
    "id is no UUID": (api.event(event_id="17"), ["/event_id"]),
    "id is a number": (api.event(event_id=17), ["/event_id"]),
    "unknown field": (api.event(agent_id="agent-8"), ["/agent_id"]),
    "unknown field with a lone surrogate": (api.event(**{"\udc00": 1}), ["/\ufffd"]),
    "unknown field with a slash": (api.event(**{"a/b~c": 1}), ["/a~1b~0c"]),
    "payload of 1 MiB + 1": (api.event(payload="x" * (2**20 - 1)), ["/payload"]),
    "payload with U+0000": (api.event(payload={"a": ["\0"]}), ["/payload/a/0"]),
    "payload with a lone surrogate": (api.event(payload=["\ud800"]), ["/payload/0"]),
    "payload with a lone surrogate in a key": (api.event(payload={"\udfff": 1}), ["/payload"]),
    "payload that grows in the database": (api.event(payload=[1e308] * 20_000), ["/payload"]),
    "several at once": (
        api.event(event_type=1, event_id=2, x=3),
        ["/x", "/event_type", "/event_id"],
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_refuses_an_invalid_event_field_by_field(ledger: Ledger, name: str) -> None:
    sent, pointers = INVALID[name]
    detail = api.problem(api.agent().post("events", sent), 400, "invalid-event")
    assert [error["pointer"] for error in detail["errors"]] == pointers
    assert all(error["detail"] for error in detail["errors"])
    assert "index" not in detail["errors"][0]
    assert ledger.written() == []


MEDIA_TYPES = {
    "none": "",
    "a form": "application/x-www-form-urlencoded",
    "text": "text/plain",
    "any": "*/*",
    "NDJSON for one event": "application/x-ndjson",
    "another charset": "application/json; charset=latin-1",
}


@pytest.mark.parametrize("name", MEDIA_TYPES)
def test_refuses_another_media_type(ledger: Ledger, name: str) -> None:
    response = api.agent().post("events", raw=body("1"), content_type=MEDIA_TYPES[name])
    api.problem(response, 415, "unsupported-media-type")


def test_refuses_more_than_2_mib(ledger: Ledger) -> None:
    sent = body('"x"') + b" " * 2**21
    detail = api.problem(api.agent().post("events", raw=sent), 413, "too-large")
    assert detail["max_bytes"] == 2**21


def test_a_body_of_2_mib_is_read(ledger: Ledger) -> None:
    sent = body('"x"')
    response = api.agent().post("events", raw=sent + b" " * (2**21 - len(sent)))
    assert response.status_code == 201


def chunked(
    sent: bytes, *, path: str = "events", lines: bool = False, terminated: bool = True
) -> Any:
    """Send a body in chunks: without length, until the server says that it ends."""
    return api.agent().environ(
        path,
        HTTP_TRANSFER_ENCODING="chunked",
        CONTENT_TYPE="application/x-ndjson" if lines else "application/json",
        **{"wsgi.input": io.BytesIO(sent), "wsgi.input_terminated": terminated},
    )


def test_a_chunked_body_is_read(ledger: Ledger) -> None:
    assert chunked(body("1")).status_code == 201


def test_a_chunked_body_is_counted_while_it_is_read(ledger: Ledger) -> None:
    response = chunked(body('"x"') + b" " * 2**23)
    api.problem(response, 413, "too-large")
    assert response.wsgi_request.META["wsgi.input"].tell() == 2**21 + 1


def test_a_chunked_body_whose_end_the_server_does_not_know_is_refused(ledger: Ledger) -> None:
    api.problem(chunked(body("1"), terminated=False), 411, "length-required")


def test_a_body_without_length_and_chunks_is_read(ledger: Ledger) -> None:
    response = api.agent().environ(
        "events",
        CONTENT_TYPE="application/json",
        **{"wsgi.input": io.BytesIO(body("1")), "wsgi.input_terminated": True},
    )
    assert response.status_code == 201


def test_lines_without_length_are_refused_because_they_may_be_cut_off(ledger: Ledger) -> None:
    line = json.dumps(api.event()).encode() + b"\n"
    response = chunked(line, path="events/batch", lines=True)
    assert "truncated" in api.problem(response, 411, "length-required")["detail"]
    assert ledger.written() == []


def test_a_chunked_array_is_read(ledger: Ledger) -> None:
    response = chunked(json.dumps([api.event()]).encode(), path="events/batch")
    assert response.status_code == 201


def test_a_body_that_ends_early_is_refused(ledger: Ledger) -> None:
    line = json.dumps(api.event()).encode() + b"\n"
    response = api.agent().environ(
        "events/batch",
        CONTENT_TYPE="application/x-ndjson",
        CONTENT_LENGTH=str(2 * len(line)),
        **{"wsgi.input": io.BytesIO(line)},
    )
    assert "ended after" in api.problem(response, 400, "bad-request")["detail"]
    assert ledger.written() == []


def test_nothing_is_read_of_a_body_that_is_declared_too_large(ledger: Ledger) -> None:
    source = io.BytesIO(b"x" * 100)
    response = api.agent().environ(
        "events",
        CONTENT_TYPE="application/json",
        CONTENT_LENGTH=str(2**21 + 1),
        **{"wsgi.input": source},
    )
    api.problem(response, 413, "too-large")
    assert source.tell() == 0
