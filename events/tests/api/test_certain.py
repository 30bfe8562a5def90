"""The fast path accepts exactly as the slow one does, and nothing that the slow one refuses."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.api import event_bodies
from events.api.problems import INVALID_EVENT, MALFORMED_JSON, Refused, refusal
from events.errors import LedgerError
from events.submission import Submission, parse_array_fast, parse_event_fast, parse_lines_fast
from events.tests.support.json_values import ANY_JSON, TEXTS

ID = "0191D7A0-0000-7000-8000-000000000001"
MANY = 3 * 2**20
"""Values, each of which takes 64 bytes or more."""

NOON = "2026-01-31T12:00:00+02:00"
Outcome = Submission | list[Submission] | dict[str, Any]

LITERALS = st.sampled_from(
    [
        '{"a":1,"a":2}',
        '{"b":[{"a":1,"\\u0061":2}]}',
        '{"\\ud83d\\ude00":1,"\\ufb33":2}',
        '"\\ud800"',
        '"\\u0000"',
        '"\\/"',
        "NaN",
        "-0",
        "-0.0",
        "1e400",
        "1E2",
        "01",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "[1,]",
        '"\x01"',
        "tru",
        "",
        "[" * 127 + "]" * 127,
        "[" * 126 + "]" * 126,
        "[" * 125 + "]" * 125,
        "[" * 20_000,
        '"' + "x" * (2**20 - 2) + '"',
        '"' + "x" * (2**20 - 1) + '"',
        '"\U0001f600é"',
    ]
)
PAYLOADS = LITERALS | ANY_JSON.map(json.dumps) | ANY_JSON.map(lambda v: json.dumps(v, indent=1))
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "event_type": st.sampled_from(['"vote.cast"', '"é\U0001f600"', '"\\u0076ote"'])
        | st.sampled_from(['"Ceremony.x"', '"s ystem.x"', '"s\u0443stem.x"', '" "', '"a\\u3164"'])
        | st.sampled_from(['"ceremony.x"', '""', '"\\ud800"', '"a\\u0000"', "1", "null"])
        | TEXTS.map(json.dumps),
        "payload": PAYLOADS,
        "local_timestamp": st.sampled_from([f'"{NOON}"', '"2026-01-31t10:00:00.5z"'])
        | st.sampled_from(['"2026-02-30T12:00:00Z"', '"9999-12-31T23:59:59-01:00"', "7", '"x"']),
        "event_id": st.sampled_from([f'"{ID}"', "null", '"x"', "[]"]),
        "payload_salt": st.sampled_from([f'"{"ab" * 32}"', f'"{"00" * 32}"', '""', "null", "1"]),
        "signing_key_id": st.sampled_from(['"own"', '"\\u006fwn"', '""', "null", "[]"]),
        "signature": st.sampled_from([f'"{"A" * 86}=="', '"AAAA"', '""', "null", "{}"]),
        "\\u0065vent_type": st.just('"twice"'),
        "more": st.just("1"),
    },
)
SIGNED = {
    "local_timestamp": '"2026-01-31T10:00:00.000000Z"',
    "event_id": f'"{ID.lower()}"',
    "payload_salt": f'"{"ab" * 32}"',
    "signing_key_id": '"own"',
    "signature": f'"{"A" * 86}=="',
}
"""What a writer that signs its own events adds."""

VALID = {"event_type": '"vote.cast"', "payload": '{"n":1}', "local_timestamp": f'"{NOON}"'}


def text_of_lists() -> bytes:
    """An event whose payload has too many values, which are small as text."""
    lists = b"[]," * MANY
    return b'{"event_type":"x","local_timestamp":"%b","payload":[%b[]]}' % (NOON.encode(), lists)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """An event in one of the forms that JSON leaves open, perhaps with a member twice."""
    signed = draw(st.sampled_from([{}, SIGNED]))
    changed = signed | draw(st.just({}) | FIELDS)
    members = list((VALID | changed).items())
    if draw(st.booleans()):
        members.append(draw(st.sampled_from([*members, ("payload", "1"), ("event_id", "null")])))
    comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : "), (",\r", ":")]))
    body = comma.join(f'"{name}"{colon}{value}' for name, value in draw(st.permutations(members)))
    return f"{{{body}}}"


def outcome(read: Any, *args: Any) -> Outcome:
    """The accepted submission, or everything that a refusal says."""
    try:
        taken: Submission | list[Submission] = read(*args)
    except (LedgerError, Refused) as error:
        refused = refusal(error)
        return {
            "problem": refused.problem,
            "detail": refused.detail,
            "errors": refused.errors,
            "members": refused.members,
        }
    return taken


def numbered(body: bytes) -> list[tuple[int, bytes]]:
    return [entry for entry in enumerate(body.split(b"\n"), 1) if entry[1].strip()]


@settings(max_examples=400, deadline=None)
@given(documents(), st.sampled_from(["agent-7", None]), st.binary(max_size=1))
def test_both_paths_read_one_event_alike(document: str, agent: str | None, stray: bytes) -> None:
    body = document.encode(errors="surrogatepass") + stray
    assert outcome(event_bodies.parse_event, body, agent) == outcome(
        event_bodies._document, body, agent
    )


@pytest.mark.parametrize("field", ["payload_salt", "signing_key_id", "signature"])
def test_an_empty_field_of_a_signature_is_given_and_wrong(field: str) -> None:
    body = json.dumps(
        {"event_type": "x", "payload": 1, "local_timestamp": NOON, field: ""}
    ).encode()
    for read in (event_bodies.parse_event, event_bodies._document):
        refusal = outcome(read, body, "agent-7")
        assert isinstance(refusal, dict)
        assert refusal["problem"] is INVALID_EVENT


@settings(max_examples=300, deadline=None)
@given(st.lists(documents(), max_size=4), st.sampled_from(["[]", "[", "[,]", "[]]"]))
def test_a_batch_is_read_alike(written: list[str], around: str) -> None:
    body = (around[0] + ",\n ".join(written) + around[1:]).encode(errors="surrogatepass")
    assert outcome(event_bodies.parse_array, body, "a") == outcome(event_bodies._array, body, "a")


@settings(max_examples=300, deadline=None)
@given(st.lists(documents(), max_size=4), st.sampled_from(["[]", "[", "[,]", "[]]"]))
def test_a_large_batch_is_read_alike_event_by_event(written: list[str], around: str) -> None:
    body = (around[0] + ",\n ".join(written) + around[1:]).encode(errors="surrogatepass")
    whole, apart = (
        outcome(event_bodies._array, body, "a"),
        outcome(event_bodies._large_array, body, "a"),
    )
    if isinstance(apart, dict) and apart["problem"] is MALFORMED_JSON:
        assert isinstance(whole, dict), "refused too, perhaps for another reason"
    else:
        assert apart == whole


@given(st.lists(st.sampled_from([b"", b" ", b"a", b" b ", b"\t\r", b"c\x0b"]), max_size=12))
def test_lines_are_found_as_by_splitting(lines: list[bytes]) -> None:
    body = b"\n".join(lines)
    assert list(event_bodies._written_lines(body)) == numbered(body)


ONE_EVENT = 128 * 2**20
"""Bytes that the values of an event which may be small enough take at most."""

HUGE = {
    "an event too many": b"[" + b"{}," * MANY + b"{}]",
    "one event of empty lists": b"[" + text_of_lists() + b"]",
    "no event": b"[[" + b"[]," * MANY + b"[]]]",
    "no array": b'{"a":[' + b"[]," * MANY + b"[]]}",
    "no JSON": b"[[" + b"[]," * MANY + b"[]",
    "empty lines": b"\n" * MANY,
    "lines without an event": b"0\n" * MANY,
    "doubles": b'[{"payload":[' + b"1.5," * 2**20 + b"1.5]}]",
    "unknown fields": b"[{" + b",".join(b'"%d":1' % n for n in range(2**19)) + b"}]",
}


@pytest.mark.parametrize("name", HUGE)
def test_a_refused_body_takes_a_small_multiple_of_its_bytes(name: str) -> None:
    body = HUGE[name]
    read = (
        event_bodies.parse_lines
        if "lines" in name and "list" not in name
        else event_bodies.parse_array
    )
    tracemalloc.start()
    try:
        refused = outcome(read, body, "agent-7")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(refused, dict)
    assert refused["problem"].status == 400
    assert most < ONE_EVENT, f"{most / 2**20:.0f} MiB, {most / len(body):.1f} times the body"


@settings(max_examples=300, deadline=None)
@given(st.lists(documents() | st.sampled_from(["", " ", "\x0b"]), max_size=4))
def test_lines_are_read_alike(written: list[str]) -> None:
    body = "\r\n".join(line.replace("\n", " ") for line in written).encode(errors="surrogatepass")
    slowly = outcome(event_bodies._lines, numbered(body), "a") if numbered(body) else None
    assert slowly is None or outcome(event_bodies.parse_lines, body, "a") == slowly


def text(**changed: str) -> bytes:
    members = (f'"{name}": {value}' for name, value in (VALID | changed).items())
    return f"{{{', '.join(members)}}}".encode()


QUICK = {
    "as Python writes it": text(),
    "compact": text().replace(b": ", b":").replace(b", ", b","),
    "with an id": text(event_id=f'"{ID}"'),
    "with null for an id": text(event_id="null"),
    "with text beyond ASCII": text(event_type='"événement"', payload='"\U0001f600"'),
    "with a pretty payload": text(payload='{\n  "a": [\n    1\n  ]\n}'),
    "with doubles": text(payload="[0.5, 1e21]"),
}


@pytest.mark.parametrize("name", QUICK)
def test_what_writers_usually_send_takes_the_fast_path(name: str) -> None:
    body = QUICK[name]
    taken = parse_event_fast(body, "agent-7")
    assert taken is not None
    assert taken == event_bodies._document(body, "agent-7")
    assert parse_array_fast(b"[" + body + b"]", "agent-7") == [taken]
    assert parse_lines_fast([body + b"\r"], "agent-7") == [taken]


TWICE = [
    text()[:-1] + b',"payload":1}',
    text(event_id="null")[:-1] + b',"event_id":null}',
    text().replace(b'"event_type"', b'"event_type":"x","event_type"'),
    text()[:-1] + b',"p\\u0061yload":1}',
]


@pytest.mark.parametrize("body", TWICE)
def test_a_repeated_member_is_never_accepted_by_the_fast_path(body: bytes) -> None:
    for written in (body, body.replace(b": ", b":").replace(b", ", b",")):
        assert parse_event_fast(written, "agent-7") is None
