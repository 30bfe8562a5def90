"""The fast path of mapping gives the same result as the full one, or defers to it."""

from __future__ import annotations

import hashlib
import json
import uuid
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from events.ingest.errors import RejectedRecordError
from events.ingest.mapping import Mapping, record_event_id
from events.ingest.paths import parse_path
from events.submission import Submission
from events.tests.support.json_values import values

MAPPING = Mapping(
    type_fields=(parse_path("type"),),
    agent_fields=(parse_path("agent"),),
    id_field=None,
    event_type="log.line",
    agent="a",
)


def outcome(text: bytes) -> Submission | str:
    try:
        return MAPPING.submission(text, source="s", number=1)
    except RejectedRecordError as error:
        return str(error)


@settings(max_examples=400, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["type", "agent", "n", "é", "a b"]),
        values(st.integers(-(2**63), 2**64 - 1)),
    ),
    st.booleans(),
    st.sampled_from(["", " ", "\r"]),
)
def test_both_ways_give_the_same(value: object, ascii_only: bool, end: str) -> None:
    text = (json.dumps(value, ensure_ascii=ascii_only) + end).encode("utf-8", "surrogatepass")
    quick = outcome(text)
    with patch("events.format.canonical.read", lambda text: None):
        assert outcome(text) == quick


TEXTS = [
    b'{"a":1,"a":2}',
    b'{"a":1e999}',
    b'{"a":18446744073709551616}',
    b'{"a":"\\u0000"}',
    b'{"type":"system.ledger_opened"}',
    b'{"type":" spaced "}',
    b'{"agent":"two  blanks"}',
    b'{"type":"\\u202e"}',
    b'{"a":NaN}',
    b"\xff",
    b"[" * 200 + b"]" * 200,
    b'{"a":1.0,"b":-0.0,"c":1e22}',
    b'{"a":"' + b"x" * 2**20 + b'"}',
]


def test_both_ways_refuse_the_same() -> None:
    for text in TEXTS:
        quick = outcome(text)
        with patch("events.format.canonical.read", lambda text: None):
            assert outcome(text) == quick, text


@given(st.text(), st.integers(0, 2**63), st.binary(max_size=50))
def test_ids_are_as_documented(source: str, number: int, payload: bytes) -> None:
    digest = hashlib.sha256(
        b"audit-portal ingest v1\n"
        + hashlib.sha256(source.encode("utf-8", "surrogateescape")).digest()
        + number.to_bytes(8, "big")
        + hashlib.sha256(payload).digest()
    ).digest()
    value = int.from_bytes(digest[:16], "big")
    value = value & ~(0xF << 76) | 8 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    assert record_event_id(source, number, payload) == str(uuid.UUID(int=value))
