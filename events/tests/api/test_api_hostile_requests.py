"""Hostile requests get a problem detail that says what is wrong, is not kept, and leaves
the next good request its answer."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pytest

from events.tests.support import api
from events.tests.support.ledger import Ledger

TIME = "2026-01-31T12:00:00Z"


def event(payload: str = "1", *, time: str = TIME, more: str = "") -> bytes:
    """An event of JSON text as it stands."""
    text = f'{{"event_type":"t","local_timestamp":"{time}","payload":{payload}{more}}}'
    return text.encode("utf-8", "surrogatepass")


MANY_KEYS = "{" + ",".join(f'"{n:x}":0' for n in range(100_000)) + "}"

BODIES: dict[str, tuple[bytes, str, str]] = {
    "1e400": (event("1e400"), "malformed-json", "too large"),
    "-1e400": (event("[-1e400]"), "malformed-json", "too large"),
    "an exponent of 1,000 digits": (event("1e" + "9" * 1000), "malformed-json", "too large"),
    "100,000 digits": (event("9" * 100_000), "malformed-json", "100000 characters"),
    "a leading zero": (event("01"), "malformed-json", "not JSON"),
    "a plus sign": (event("+1"), "malformed-json", "not JSON"),
    "hexadecimal": (event("0x1F"), "malformed-json", "not JSON"),
    "digits of another script": (event("١"), "malformed-json", "not JSON"),
    "an overlong slash": (event('"?"').replace(b"?", b"\xc0\xaf"), "malformed-json", "UTF-8"),
    "an overlong NUL": (event('"?"').replace(b"?", b"\xc0\x80"), "malformed-json", "UTF-8"),
    "a surrogate as three bytes": (event('"\ud800"'), "malformed-json", "UTF-8"),
    "beyond U+10FFFF": (event('"?"').replace(b"?", b"\xf4\x90\x80\x80"), "malformed-json", "UTF-8"),
    "UTF-16": (event().decode().encode("utf-16"), "malformed-json", "UTF-8"),
    "UTF-16 without mark": (event().decode().encode("utf-16-le"), "malformed-json", "not JSON"),
    "a raw NUL": (event('"\0"'), "malformed-json", "not JSON"),
    "a NUL after the end": (event() + b"\0", "malformed-json", "not JSON"),
    "a raw newline in a string": (event('"a\nb"'), "malformed-json", "not JSON"),
    "half a surrogate pair": (event(r'"\ud83d\u0041"'), "invalid-event", "/payload"),
    "a pair the wrong way round": (event(r'"\udc00\ud800"'), "invalid-event", "/payload"),
    "a repeated key far below": (event('[[{"a":{"":1,"":2}}]]'), "malformed-json", "appears twice"),
    "a key repeated by escape": (event(r'{"a":1,"\u0061":2}'), "malformed-json", "appears twice"),
    "100,000 objects inside one another": (
        event('{"":' * 100_000 + "1" + "}" * 100_000),
        "malformed-json",
        "deeper than 128",
    ),
    "100,000 arrays never closed": (event("[" * 100_000), "malformed-json", ""),
    "100,000 unknown fields": (
        event(more="," + MANY_KEYS[1:-1]),
        "invalid-event",
        "unknown field",
    ),
    "__proto__ as a field": (event(more=',"__proto__":{"x":1}'), "invalid-event", "/__proto__"),
    "an empty field": (event(more=',"":1'), "invalid-event", "unknown field"),
    "year 0": (event(time="0000-01-01T00:00:00Z"), "invalid-event", "/local_timestamp"),
    "before year 1 in UTC": (
        event(time="0001-01-01T00:00:00+00:01"),
        "invalid-event",
        "/local_timestamp",
    ),
    "after year 9999 in UTC": (
        event(time="9999-12-31T23:59:59-00:01"),
        "invalid-event",
        "/local_timestamp",
    ),
    "year 10000": (event(time="10000-01-01T00:00:00Z"), "invalid-event", "/local_timestamp"),
    "second 61": (event(time="2016-12-31T23:59:61Z"), "invalid-event", "/local_timestamp"),
    "offset +24:00": (event(time="2026-01-31T12:00:00+24:00"), "invalid-event", "-23:59"),
    "offset -24:00": (event(time="2026-01-31T12:00:00-24:00"), "invalid-event", "-23:59"),
    "hour 24": (event(time="2026-01-31T24:00:00Z"), "invalid-event", "/local_timestamp"),
    "a time in digits of another script": (
        event(time="٢٠٢٦-01-31T12:00:00Z"),
        "invalid-event",
        "/local_timestamp",
    ),
    "an id in braces": (
        event(more=',"event_id":"{0191d7a0-0000-7000-8000-000000000001}"'),
        "invalid-event",
        "/event_id",
    ),
    "an id as a URN": (
        event(more=',"event_id":"urn:uuid:0191d7a0-0000-7000-8000-000000000001"'),
        "invalid-event",
        "/event_id",
    ),
    "an id without hyphens": (
        event(more=',"event_id":"0191d7a000007000800000000000001"'),
        "invalid-event",
        "/event_id",
    ),
    "an id with a newline": (
        event(more=r',"event_id":"0191d7a0-0000-7000-8000-000000000001\n"'),
        "invalid-event",
        "/event_id",
    ),
    "a direction override in a type": (
        event().replace(b'"t"', '"a\u202eb"'.encode()),
        "invalid-event",
        "/event_type",
    ),
    "a zero-width space in a type": (
        event().replace(b'"t"', '"a\u200bb"'.encode()),
        "invalid-event",
        "/event_type",
    ),
    "a non-character in a type": (
        event().replace(b'"t"', '"a\uffff"'.encode()),
        "invalid-event",
        "/event_type",
    ),
}


def test_hostile_bodies_are_refused_and_nothing_is_kept(ledger: Ledger) -> None:
    caller = api.agent()
    for name, (sent, kind, said) in BODIES.items():
        for address, body in (("events", sent), ("events/batch", b"[" + sent + b"]")):
            response = caller.post(address, raw=body)
            assert response.status_code == 400, (name, address, response.content[:500])
            detail = response.json()
            assert detail["type"].rpartition(":")[2] == kind, (name, address, detail)
            assert said in str(detail), (name, address, detail)
            assert len(response.content) < 100_000, (name, address)
    assert ledger.written() == []
    assert caller.post("events", api.event()).status_code == 201


TAKEN = {
    "negative zero": ("-0.0", 0),
    "2^64-1": ("18446744073709551615", 2**64 - 1),
    "the least double": ("5e-324", 5e-324),
    "an underflow": ("1e-400", 0),
    "100,000 keys": (MANY_KEYS, {f"{n:x}": 0 for n in range(100_000)}),
    "twins of normalisation": ('{"\u00e9":1,"e\u0301":2}', {"\u00e9": 1, "e\u0301": 2}),
    "__proto__ and no name": ('{"__proto__":{"":1}}', {"__proto__": {"": 1}}),
    "direction marks and non-characters": ('"\u202e\ufdd0\uffff"', "\u202e\ufdd0\uffff"),
    "a pair of surrogates": (r'"\ud83d\ude00"', "\U0001f600"),
}


def test_unusual_but_valid_values_are_kept_unchanged(ledger: Ledger) -> None:
    caller, reader = api.agent(), api.observer()
    for name, (sent, kept) in TAKEN.items():
        answer = caller.post("events", raw=event(sent))
        assert answer.status_code == 201, (name, answer.content[:500])
        read = reader.get(f"events/{answer.json()['sequence']}").json()
        assert read["payload"] == kept, name
    assert len(ledger.written()) == len(TAKEN)


LINES: dict[str, tuple[bytes, str]] = {
    "a million blank lines": (b"\n" * 1_000_000, "malformed-json"),
    "a million lines of spaces": (b" \n" * 1_000_000 + event(), ""),
    "one line without end": (b"[" * 2_000_000, "invalid-event"),  # too long to be looked into
    "too many lines": (event() + (b"\n" + event()) * 1000, "invalid-batch"),
    "the last one cut off": (event() + b"\n" + event()[:-1], "malformed-json"),
    "separated by RS": (b"\x1e" + event() + b"\n", "malformed-json"),
    "a mark before each": ((b"\xef\xbb\xbf" + event() + b"\n") * 2, "malformed-json"),
    "an event over two lines": (event().replace(b",", b",\n"), "malformed-json"),
}


def test_hostile_lines_are_refused_and_nothing_is_kept(ledger: Ledger) -> None:
    caller = api.agent()
    for name, (sent, kind) in LINES.items():
        response = caller.post("events/batch", raw=sent, content_type="application/x-ndjson")
        if kind:
            assert response.status_code == 400, (name, response.content[:500])
            assert response.json()["type"].endswith(kind), (name, response.content[:500])
        else:
            assert response.status_code == 201, (name, response.content[:500])
    assert len(ledger.written()) == 1


class Endless(io.RawIOBase):
    """A body that never ends; it counts what was read of it."""

    def __init__(self, piece: bytes) -> None:
        self.piece, self.given = piece, 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "somebody would read all of it"
        text = (self.piece * (size // len(self.piece) + 1))[:size]
        self.given += len(text)
        return text


@pytest.mark.parametrize("piece", [b"1", b"\n", event() + b"\n", b"["])
@pytest.mark.parametrize("address", ["events", "events/batch"])
def test_a_body_without_end_is_left_at_the_limit(
    ledger: Ledger, address: str, piece: bytes
) -> None:
    body = Endless(piece)
    response = api.agent().environ(
        address,
        HTTP_TRANSFER_ENCODING="chunked",
        CONTENT_TYPE="application/json",
        **{"wsgi.input": body, "wsgi.input_terminated": True},
    )
    limit = api.problem(response, 413, "too-large")["max_bytes"]
    assert body.given == limit + 1
    assert ledger.written() == []


LENGTHS = {
    "negative": "-1",
    "words": "many",
    "digits of another script": "٣",
    "5,000 digits": "9" * 5000,
    "beyond 64 bits": str(2**64),
    "a list": "3, 3",
}


@pytest.mark.parametrize("name", LENGTHS)
def test_an_invalid_length_is_refused(ledger: Ledger, name: str) -> None:
    response = api.agent().environ(
        "events",
        CONTENT_TYPE="application/json",
        CONTENT_LENGTH=LENGTHS[name],
        **{"wsgi.input": io.BytesIO(event())},
    )
    assert response.status_code in (400, 411, 413), response.content
    assert response["Content-Type"] == "application/problem+json"
    assert ledger.written() == []


PACKED = gzip.compress(b" " * 2**24)
FORMS: dict[str, Any] = {
    "two codings": {"raw": PACKED, "Content-Encoding": "gzip, br"},
    "an unknown coding": {"raw": event(), "Content-Encoding": "x" * 5000},
    "a form": {"raw": b"--x\r\n\r\n--x--", "content_type": "multipart/form-data; boundary=x"},
    "a form without boundary": {"raw": b"x", "content_type": "multipart/form-data"},
    "no such charset": {"raw": event(), "content_type": "application/json; charset=\udc80"},
}


@pytest.mark.parametrize("name", FORMS)
def test_another_form_of_body_is_not_opened(ledger: Ledger, name: str) -> None:
    response = api.agent().post("events", **FORMS[name])
    api.problem(response, 415, "unsupported-media-type")
    assert ledger.written() == []


def test_a_bomb_is_unpacked_no_further_than_a_body_may_be_long(ledger: Ledger) -> None:
    response = api.agent().post("events", raw=PACKED, **{"Content-Encoding": "gzip"})
    api.problem(response, 413, "too-large")
    assert ledger.written() == []


HUGE = str(10**30)
QUERIES = {
    "start beyond bigint": f"events?start={2**63}",
    "after of 10,000 digits": "events?after=" + "9" * 10_000,
    "a negative limit": "events?limit=-1",
    "limit beyond bigint": f"events?limit={HUGE}",
    "digits of another script": "events?start=%D9%A1",
    "a cursor of garbage": "events?after=AAAA%00%ff",
    "NUL in an agent": "events?agent_id=%00",
    "NUL in a type": "events?event_type=a%00",
    "NUL in a name": "events?%00=1",
    "101 types": "events?" + "event_type=t&" * 101,
    "900 names": "events?" + "&".join(f"n{n}=1" for n in range(900)),
    "an agent of 100,000 letters": "events?agent_id=" + "a" * 100_000,
    "year 0": "events?local_from=0000-01-01T00:00:00Z",
    "an offset of a day": "events?local_from=2026-01-01T00:00:00%2B24:00",
    "a space for a plus": "events?local_from=2026-01-01T00:00:00+02:00",
    "a value that is too deep": "events?payload_field=a&payload_value=" + "[" * 900,
    "a value that overflows": "events?payload_field=a&payload_value=1e400",
    "a value with a lone surrogate": "events?payload_field=a&payload_value=%22%5Cud800%22",
    "a path of backslashes": "events?payload_field=" + "%5C" * 499 + "&payload_value=1",
    "seconds as an exponent": "drift-warnings?min_seconds=1e400",
    "seconds that are none": "drift-warnings?min_seconds=NaN",
    "a verification of everything": f"verification?end={2**63 - 1}",
    "continuity backwards": "continuity?start=9&end=1",
    "export in another form": "export?format=xml",
    "a parameter of the head": "head?x=1",
}


def test_hostile_queries_are_refused_by_name(ledger: Ledger) -> None:
    ledger.write(1)
    reader = api.observer()
    for name, address in QUERIES.items():
        response = reader.get(address)
        assert response.status_code == 400, (name, response.status_code, response.content[:500])
        detail = response.json()
        assert detail["type"].endswith("invalid-parameter"), (name, detail)
        assert all(error["parameter"] for error in detail["errors"]), (name, detail)
        assert len(response.content) < 300_000, name
    assert reader.get("events?payload_field=" + "a." * 249 + "&payload_value=1").status_code == 200


def test_more_parameters_than_are_counted_are_refused(ledger: Ledger) -> None:
    address = "events?" + "&".join(f"n{n}=1" for n in range(2000))
    assert "parameters" in api.problem(api.observer().get(address), 400, "bad-request")["detail"]


PLACES = {
    "sequence 0": "events/0",
    "beyond bigint": f"events/{2**63}",
    "5,000 digits": "events/" + "9" * 5000,
    "digits of another script": "events/%D9%A1",
    "a NUL": "events/%00",
    "a surrogate": "events/%ED%A0%80",
    "an id in braces": "events/by-id/%7B0191d7a0-0000-7000-8000-000000000001%7D",
    "an id in capitals": "events/by-id/0191D7A0-0000-7000-8000-00000000000A",
    "dots": "events/../../etc/passwd",
}


def test_odd_places_are_not_found(ledger: Ledger) -> None:
    reader = api.observer()
    for name, address in PLACES.items():
        response = reader.get(address)
        assert response.status_code == 404, (name, response.status_code)
        assert json.loads(response.content)["type"].endswith("not-found"), name


HEADERS = {
    "a token of 100,000 letters": {"Authorization": "Bearer " + "a" * 100_000},
    "a token that is not ASCII": {"Authorization": "Bearer \xff\xfe"},
    "a token with NUL": {"Authorization": "Bearer a\0b"},
    "three words": {"Authorization": "Bearer a b"},
    "no token": {"Authorization": "Bearer"},
    "another scheme": {"Authorization": "Basic Og=="},
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_malformed_token_is_refused(ledger: Ledger, name: str) -> None:
    for caller in (api.Caller("").get, api.Caller("").post):
        response: Any = caller("events", **HEADERS[name])  # type: ignore[arg-type]
        api.problem(response, 401, "unauthenticated")


def test_an_accept_of_100_000_letters_is_not_acceptable(ledger: Ledger) -> None:
    api.problem(api.observer().get("head", Accept="a/" + "b" * 100_000), 406, "not-acceptable")
