"""The fast path of canonical JSON gives the bytes of the strict one, or leaves the text to it. RFC
8785's own package and the strict path are the reference."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import CanonicalJSONError
from events.format import canonical
from events.format.canonical import MAX_DEPTH, canonicalize, canonicalize_text, parse
from events.tests.support.json_values import ANY_JSON, PLAIN_JCS

thorough = settings(max_examples=300, deadline=None)


def strict(text: bytes | str, *, stored: bool) -> bytes:
    return canonicalize(parse(text, stored=stored).value)


@thorough
@given(PLAIN_JCS, st.sampled_from([None, 1]), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_agrees_with_rfc8785(value: Any, indent: Any, separators: tuple[str, str]) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    for stored in (True, False):
        assert canonicalize_text(text, stored=stored) == rfc8785.dumps(value)


# Pieces that, put together, are JSON now and then, with every trap among them.
STRUCTURE = ["[", "]", "{", "}", ",", ":", " ", "\n", "\t", '"', '"a":', '"b" : ', '"a"', '"e"']
NUMBERS = ["1", "-0", "0", "-", "1.0", "-0.0", "1e5", "1E+22", "1e20", "1e-6", "1e-7", "0.1000"]
EXTREMES = [
    "1e400",
    "5e-324",
    f"{2**64 - 1}",
    f"{2**64}",
    f"{-(2**63)}",
    "9" * 23,
    "01",
    ".5",
    "2.",
]
STRINGS = ["\\", '\\"', "\\\\", "\\n", "\\/", "\\u0041", "\\u0000", "\\ud800", "é", "\uffff"]
STRANGE = ["\U0001f600", "\x00", "\x1f", "\x7f", "\ufeff", "tru", "true", "false", "null", "NaN"]
PIECES = st.sampled_from([*STRUCTURE, *NUMBERS, *EXTREMES, *STRINGS, *STRANGE])


@settings(max_examples=1000, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_takes_no_text_that_the_strict_way_refuses_or_writes_otherwise(text: str) -> None:
    quick = canonical._quick(text, stored=False)
    if quick is not None:
        assert quick == strict(text, stored=False)


MEMBERS = st.lists(
    st.tuples(
        st.sampled_from(['"a"', '"b"', '"a\\\\"', '"a\\""', '":"', '"é"', '"\\/"', '"/"']),
        st.sampled_from(
            [
                "1",
                "1.0",
                "1e5",
                '"x"',
                '"a:b"',
                '"\\\\"',
                "[]",
                "{}",
                '{"a":1,"b":2}',
                '{"a":1,"a":2}',
            ]
        ),
    ),
    max_size=5,
)


@settings(max_examples=600, deadline=None)
@given(MEMBERS, st.sampled_from([",", ", "]), st.sampled_from([":", ": "]))
def test_a_repeated_key_is_refused_wherever_it_stands(
    members: list[tuple[str, str]], comma: str, colon: str
) -> None:
    text = "{" + comma.join(key + colon + value for key, value in members) + "}"
    assert outcome(canonicalize_text, text) == outcome(lambda t: strict(t, stored=False), text)


def outcome(canonicalise: Callable[[str], bytes], text: str) -> bytes | str:
    """The canonical bytes, or why there are none."""
    try:
        return canonicalise(text)
    except CanonicalJSONError as refused:
        return str(refused)


def test_a_repeated_key_is_refused_though_a_double_fills_its_place() -> None:
    with pytest.raises(CanonicalJSONError, match="appears twice"):
        canonicalize_text('{"a":1,"a":0,"b":1e7}')  # {"a":0,"b":10000000}: as many characters


TAKEN = {
    "a small payload": ('{"number": 1, "subject": "S-1"}', b'{"number":1,"subject":"S-1"}'),
    "doubles": ("[1.0, 1e20, 1e-6, 0.5]", b"[1,100000000000000000000,0.000001,0.5]"),
    "beyond ASCII": ('{"ö": "\uffff"}', '{"ö":"\uffff"}'.encode()),
    "64-bit integers": (f"[{-(2**63)}, {2**64 - 1}]", f"[{-(2**63)},{2**64 - 1}]".encode()),
}


@pytest.mark.parametrize(("text", "expected"), TAKEN.values(), ids=TAKEN.keys())
def test_takes_what_logs_are_made_of(text: str, expected: bytes) -> None:
    for stored in (True, False):
        assert canonical._quick(text, stored=stored) == expected


LEFT = {
    "an escape by number": '["\\u0041"]',
    "a character of four bytes": '{"\U0001f600": 1, "\uffff": 2}',
    "an integer beyond 64 bits": f"[{10**22}]",
    "an infinite double": "[1e400]",
    "too many brackets": "[" * MAX_DEPTH + "[]" + "]" * MAX_DEPTH,
    "text that is not UTF-8": '["\ud800"]',
}


@pytest.mark.parametrize("text", LEFT.values(), ids=LEFT.keys())
def test_leaves_the_rest_to_the_strict_way(text: str) -> None:
    for stored in (True, False):
        assert canonical._quick(text, stored=stored) is None


@thorough
@given(ANY_JSON)
def test_stored_texts_are_read_as_the_strict_path_reads_them(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert canonicalize_text(text, stored=True) == strict(text, stored=True)
