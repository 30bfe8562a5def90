"""Canonical JSON: agreement with RFC 8785, extensions and refusals. RFC 8785's own package and a
real JSONB column are the reference."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import orjson
import psycopg
import pytest
import rfc8785
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from auditportal.embedded import EmbeddedPostgres
from events.errors import CanonicalJSONError
from events.format.canonical import MAX_DEPTH, canonicalize, canonicalize_text, expansion, parse
from events.tests.support.json_values import ANY_JSON, PLAIN_JCS

thorough = settings(max_examples=400, deadline=None)


@pytest.fixture(scope="module")
def database(postgres: EmbeddedPostgres) -> Iterator[psycopg.Connection[Any]]:
    place = postgres.dsn(dbname="postgres")
    with psycopg.connect(**place, autocommit=True) as connection:  # type: ignore[arg-type]
        yield connection


# --- RFC 8785 ---------------------------------------------------------------------------------


@thorough
@given(PLAIN_JCS)
def test_agrees_with_rfc8785(value: Any) -> None:
    assert canonicalize(value) == rfc8785.dumps(value)


@thorough
@given(ANY_JSON)
def test_is_idempotent(value: Any) -> None:
    once = canonicalize(value)
    assert canonicalize_text(once, stored=True) == once


@thorough
@given(ANY_JSON, st.booleans(), st.sampled_from([None, 1]))
def test_spelling_of_the_source_does_not_matter(value: Any, ascii_only: bool, indent: Any) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert canonicalize_text(text) == canonicalize_text(text.encode()) == canonicalize(value)


@thorough
@given(ANY_JSON)
def test_fast_path_writes_the_same_bytes(value: Any) -> None:
    document = parse(json.dumps(value, ensure_ascii=False))
    if document.plain:
        assert canonicalize(document.value, plain=True) == canonicalize(document.value)


ASCII_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7F)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('aAbB~/\\"\x7f _0'), inner),
)


@thorough
@given(ASCII_JSON)
def test_the_fast_path_handles_plain_documents_correctly(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    document = parse(text)
    assert document.plain or "\\u" in text  # a backslash before a u looks like an escape
    assume(document.plain)
    assert canonicalize(document.value, plain=True) == canonicalize(value)


NOT_PLAIN = {
    "a double": "[1.0]",
    "an exponent": "[1e2]",
    "beyond ASCII": '["é"]',
    "an escape": '["\\u0041"]',
    "an astral key": '{"\U0001f600":1}',
}


@pytest.mark.parametrize("text", NOT_PLAIN.values(), ids=NOT_PLAIN.keys())
def test_fast_path_is_left_where_orjson_may_differ(text: str) -> None:
    assert not parse(text).plain


# RFC 8785 appendix B: the bits of a double, and how ECMAScript writes it.
APPENDIX_B = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


@pytest.mark.parametrize(("bits", "text"), APPENDIX_B)
def test_numbers_of_rfc8785_appendix_b(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonicalize(number).decode() == text
    assert canonicalize_text(text, stored=True).decode() == text


def test_a_double_that_reads_like_an_integer_out_of_range_is_taken_only_with_an_exponent() -> None:
    assert canonicalize_text("1e20") == b"100000000000000000000"
    with pytest.raises(CanonicalJSONError, match="send it as a string"):
        canonicalize_text("100000000000000000000")
    assert canonicalize_text("100000000000000000000", stored=True) == b"100000000000000000000"


@pytest.mark.parametrize("bits", ["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"])
def test_refuses_nan_and_infinity_of_appendix_b(bits: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    with pytest.raises(CanonicalJSONError, match="is not a JSON number"):
        canonicalize(number)


def test_keys_are_ordered_by_utf16_code_units() -> None:
    # RFC 8785 section 3.2.3, its own example: the astral key sorts before U+FB33.
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    written = list(json.loads(canonicalize(dict.fromkeys(keys))))
    assert written == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


EXACT_INTEGERS = [2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**53) - 1, -(2**63), 0]


@pytest.mark.parametrize("number", EXACT_INTEGERS)
def test_64_bit_integers_are_written_exactly(number: int) -> None:
    assert canonicalize(number) == canonicalize_text(str(number)) == str(number).encode()


def test_minus_zero_is_zero() -> None:
    assert canonicalize_text("[-0,-0.0,-0e5]") == b"[0,0,0]"


# --- PostgreSQL -------------------------------------------------------------------------------


def through_jsonb(database: psycopg.Connection[Any], text: bytes) -> str:
    row = database.execute("SELECT (%s::text)::jsonb::text", [text.decode()]).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.timeout(120)
def test_values_read_from_jsonb_have_the_same_canonical_bytes(
    database: psycopg.Connection[Any],
) -> None:
    @settings(max_examples=1000, deadline=None)
    @given(ANY_JSON)
    def check(value: Any) -> None:
        canonical = canonicalize(value)
        assert canonicalize_text(through_jsonb(database, canonical), stored=True) == canonical

    check()


def test_every_double_survives_jsonb(database: psycopg.Connection[Any]) -> None:
    """A thousand bit patterns at a time, uniform over the bits and so over all magnitudes."""

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.integers(0, 2**64 - 1), min_size=200, max_size=200))
    def check(patterns: list[int]) -> None:
        numbers = struct.unpack(">200d", struct.pack(">200Q", *patterns))
        canonical = canonicalize([n for n in numbers if abs(n) < float("inf")])
        assert canonicalize_text(through_jsonb(database, canonical), stored=True) == canonical

    check()


def test_deepest_document_survives_jsonb(database: psycopg.Connection[Any]) -> None:
    canonical = canonicalize_text("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert canonicalize_text(through_jsonb(database, canonical), stored=True) == canonical


@thorough
@given(ANY_JSON)
def test_expansion_bounds_what_jsonb_adds(value: Any) -> None:
    """The bound is over the digits alone: JSONB also puts a blank behind each comma and colon."""
    canonical = canonicalize(value)
    numbers = [n for n in _numbers(value) if isinstance(n, float)]
    added = sum(
        len(f"{Decimal(canonicalize(n).decode()):f}") - len(canonicalize(n)) for n in numbers
    )
    assert added <= expansion(canonical)


def _numbers(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _numbers(child)
    elif isinstance(value, float):
        yield value


@pytest.mark.parametrize(
    ("text", "digits"),
    [("[1,2.5]", 0), ("[1e+308]", 308), ("[1e-7,-2e+22]", 29), ('["1e+30"]', 30), ('["e+"]', 0)],
)
def test_expansion_counts_exponents(text: str, digits: int) -> None:
    assert expansion(text.encode()) == digits


# --- Refusals ---------------------------------------------------------------------------------

REFUSED_TEXTS: dict[str, tuple[str | bytes, str, str]] = {
    "nothing": ("", "not JSON: Expecting value at line 1, column 1", ""),
    "trailing text": ("{} {}", "not JSON: Extra data at line 1, column 4", ""),
    "single quotes": ("{'a':1}", "not JSON: Expecting property name", ""),
    "unfinished": ('{"a":[1,2', "not JSON: ", ""),
    "a comment": ("[1] // one", "not JSON: Extra data", ""),
    "a leading zero": ("01", "not JSON: Extra data", ""),
    "a bare point": ("[1.]", "not JSON: ", ""),
    "a plus sign": ("[+1]", "not JSON: ", ""),
    "a raw line break": ('["a\nb"]', "not JSON: Invalid control character", ""),
    "a byte order mark": ("\ufeff{}", "not JSON: ", ""),
    "NaN": ("[NaN]", "NaN is not a JSON number", ""),
    "infinity": ("[Infinity]", "Infinity is not a JSON number", ""),
    "minus infinity": ("[-Infinity]", "-Infinity is not a JSON number", ""),
    "an overflowing double": ("[1e400]", "the number 1e400 is too large for a double", ""),
    "an integer above the range": (
        "18446744073709551616",
        "the integer 18446744073709551616 is outside -2^63 … 2^64-1; send it as a string",
        "",
    ),
    "an integer below the range": (
        "[-9223372036854775809]",
        "the integer -9223372036854775809 is outside",
        "",
    ),
    "a repeated key": ('[{"b":{"a":1,"a":1}}]', "the key 'a' appears twice in one object", ""),
    "a key repeated by an escape": ('{"a":1,"\\u0061":2}', "the key 'a' appears twice", ""),
    "U+0000": ('{"a":["x\\u0000"]}', "U+0000 cannot be stored in a string", "/a/0"),
    "U+0000 in a key": ('{"a":[{"\\u0000":1}]}', "U+0000 cannot be stored in a string", "/a/0"),
    "a lone high surrogate": ('{"a":"\\ud800"}', "lone surrogate U+D800 in a string", "/a"),
    "a lone low surrogate": ('["\\udc00"]', "lone surrogate U+DC00 in a string", "/0"),
    "reversed surrogates": ('["\\ude00\\ud83d"]', "lone surrogate U+DE00 in a string", "/0"),
    "a surrogate in a key": ('{"\\udfff":1}', "lone surrogate U+DFFF in a string", ""),
    "a pointer to escape": ('{"a/b":{"~":"\\ud800"}}', "lone surrogate", "/a~1b/~0"),
    "not UTF-8": (b'{"a":"\xff"}', "not UTF-8: byte 6 is wrong", ""),
    "overlong UTF-8": (b'"\xc0\x80"', "not UTF-8: byte 1 is wrong", ""),
    "a surrogate in UTF-8": (b'"\xed\xa0\x80"', "not UTF-8: byte 1 is wrong", ""),
    "UTF-16": ('{"a":1}'.encode("utf-16"), "not UTF-8: byte 0 is wrong", ""),
}


@pytest.mark.parametrize(
    ("text", "reason", "path"), REFUSED_TEXTS.values(), ids=REFUSED_TEXTS.keys()
)
def test_refuses_text(text: str | bytes, reason: str, path: str) -> None:
    with pytest.raises(CanonicalJSONError) as refusal:
        canonicalize_text(text)
    assert refusal.value.reason.startswith(reason)
    assert refusal.value.path == path
    assert str(refusal.value).endswith(f" (at {path})" if path else refusal.value.reason)


REFUSED_VALUES: dict[str, tuple[Any, str, str]] = {
    "NaN": ({"a": [0.0, float("nan")]}, "nan is not a JSON number", "/a/1"),
    "a set": ([{1, 2}], "set is not a JSON type", "/0"),
    "bytes": ({"k": b"x"}, "bytes is not a JSON type", "/k"),
    "a key that is no string": ({"a": {1: 2}}, "an object key is int, not a string", "/a"),
    "too large an integer": ([2**64], "an integer is outside -2^63 … 2^64-1", "/0"),
    "too small an integer": ([-(2**63) - 1], "an integer is outside -2^63 … 2^64-1", "/0"),
}


@pytest.mark.parametrize(
    ("value", "reason", "path"), REFUSED_VALUES.values(), ids=REFUSED_VALUES.keys()
)
def test_refuses_value(value: Any, reason: str, path: str) -> None:
    with pytest.raises(CanonicalJSONError) as refusal:
        canonicalize(value)
    assert (refusal.value.reason.startswith(reason), refusal.value.path) == (True, path)


BRACKETS = [("[", "]"), ('{"a":', "}")]


def nested(depth: int, opening: str, closing: str) -> str:
    return opening * (depth - 1) + ("[]" if opening == "[" else "{}") + closing * (depth - 1)


@pytest.mark.parametrize(("opening", "closing"), BRACKETS)
def test_takes_the_greatest_depth(opening: str, closing: str) -> None:
    text = nested(MAX_DEPTH, opening, closing)
    assert canonicalize_text(text) == text.encode()
    assert canonicalize(json.loads(text)) == text.encode()


@pytest.mark.parametrize(("opening", "closing"), BRACKETS)
def test_refuses_one_level_more(opening: str, closing: str) -> None:
    text = nested(MAX_DEPTH + 1, opening, closing)
    with pytest.raises(CanonicalJSONError, match=f"nested deeper than {MAX_DEPTH} levels"):
        canonicalize_text(text)
    with pytest.raises(CanonicalJSONError, match=f"nested deeper than {MAX_DEPTH} levels"):
        canonicalize(json.loads(text))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000])
def test_refuses_a_hundred_thousand_brackets(text: str) -> None:
    with pytest.raises(CanonicalJSONError, match="nested deeper than"):
        parse(text)


def test_many_sibling_brackets_do_not_count_as_depth() -> None:
    text = "[" + ",".join(["[]"] * 10_000) + "]"
    assert canonicalize_text(text) == text.encode()


@pytest.mark.parametrize("digits", [4_301, 10_000, 1_000_000])
def test_refuses_huge_integer_literals_quickly(digits: int) -> None:
    began = time.perf_counter()
    with pytest.raises(CanonicalJSONError, match=rf"\({digits} characters\) is outside -2\^63"):
        parse("9" * digits)
    assert time.perf_counter() - began < 1
    with pytest.raises(CanonicalJSONError, match="too large for a double"):
        parse("9" * digits, stored=True)


def test_refuses_many_huge_integers_quickly() -> None:
    began = time.perf_counter()
    with pytest.raises(CanonicalJSONError):
        parse("[" + ",".join(["9" * 4_000] * 250) + "]")
    assert time.perf_counter() - began < 1


def test_long_fractions_are_read_as_doubles() -> None:
    assert canonicalize_text("0." + "3" * 100_000) == b"0.3333333333333333"


def test_a_message_stays_short_whatever_the_key() -> None:
    key = "k" * 100_000
    with pytest.raises(CanonicalJSONError) as refusal:
        parse(f'{{"{key}":1,"{key}":2}}')
    assert len(str(refusal.value)) < 500


def test_orjson_refuses_the_integers_that_the_slow_path_refuses() -> None:
    for number in (2**64, -(2**63) - 1):
        with pytest.raises(orjson.JSONEncodeError):
            orjson.dumps(number)
        with pytest.raises(CanonicalJSONError):
            canonicalize(number)
