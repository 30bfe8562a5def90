"""Records are read whole wherever chunks are cut, and are not buffered if too long."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.ingest.errors import FramingError
from events.ingest.records import MAX_RECORD_BYTES, Record, read_records

LIMIT = 64
ROWS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def records(
    *chunks: bytes, form: str = "auto", limit: int = MAX_RECORD_BYTES
) -> tuple[list[Record], bytes]:
    spilt: list[bytes] = []
    found = list(read_records(iter(chunks), form, spilt.append, limit))
    return found, b"".join(spilt)


def texts(*chunks: bytes, form: str = "auto") -> list[bytes]:
    return [record.text.strip() for record in records(*chunks, form=form)[0]]


def cut(text: bytes, size: int) -> Iterator[bytes]:
    return (text[start : start + size] for start in range(0, len(text), size))


@given(rows=st.lists(ROWS, max_size=6), size=st.integers(1, 40), ascii_only=st.booleans())
def test_elements_of_an_array_wherever_it_is_cut(
    rows: list[object], size: int, ascii_only: bool
) -> None:
    text = json.dumps(rows, indent=size % 3 or None, ensure_ascii=ascii_only).encode()
    found, spilt = records(*cut(text, size), form="array")
    assert [json.loads(record.text) for record in found] == rows
    assert [record.number for record in found] == list(range(1, len(rows) + 1))
    assert spilt == b""


@given(rows=st.lists(ROWS, max_size=6), size=st.integers(1, 40))
def test_lines_wherever_they_are_cut(rows: list[object], size: int) -> None:
    text = "\n".join(map(json.dumps, rows)).encode()
    found, _ = records(*cut(text, size), form="lines")
    assert [json.loads(record.text) for record in found] == rows
    assert [record.number for record in found] == list(range(1, len(rows) + 1))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (b'{"a":1}\n{"b":[2]}\n', 2),
        (b'\n  \n{"a":1}\r\n\r\n{"b":2}', 2),
        (b'[{"a":1},{"b":2},{"c":3}]', 3),
        (b'[\n  {"a": 1},\n  {"b": "]"}\n]\n', 2),
        (b'{"Records":[{"a":1},{"b":2}]}', 2),
        (b'{"Records":[{"a":1}]}{"Records":[{"b":2}]}', 2),
        (b'{"kind":"EventList","apiVersion":"x","metadata":{},"items":[{"a":1},{"b":2}]}', 2),
        (b'{"apiVersion":"v1","items":[{"a":1},{"b":2}],"kind":"List","metadata":{"x":["y"]}}', 2),
        (b'{\n  "a": 1\n}\n{\n  "b": 2\n}\n', 2),
        (b'{"order":7,"items":[1,2,3]}\n', 1),
        (b"[]", 0),
        (b'{"Records":[]}', 0),
        (b"", 0),
        (b" \n\n", 0),
    ],
)
def test_recognizes_the_form(text: bytes, count: int) -> None:
    assert len(texts(text)) == count
    assert len(texts(*cut(text, 1))) == count


def test_lines_keep_their_numbers_over_blank_ones() -> None:
    found, _ = records(b'\n{"a":1}\n\n\n{"b":2}\n')
    assert [(record.number, record.line) for record in found] == [(2, 2), (5, 5)]


def test_elements_know_their_line() -> None:
    found, _ = records(b'[\n  {"a":\n 1},\n\n  {"b":2}]')
    assert [(record.number, record.line) for record in found] == [(1, 2), (2, 5)]


def test_brackets_and_quotes_inside_strings_are_text() -> None:
    assert texts(b'[{"a":"]},{\\"["}, "\\\\", "x"]') == [
        b'{"a":"]},{\\"["}',
        b'"\\\\"',
        b'"x"',
    ]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_line_too_long_is_spilt_not_held(size: int) -> None:
    long = b'{"a":"' + b"x" * 200 + b'"}'
    found, spilt = records(*cut(b'{"a":1}\n' + long + b'\n{"b":2}\n', size), limit=LIMIT)
    assert [record.problem for record in found] == [None, "is longer than 64 bytes", None]
    assert [record.number for record in found] == [1, 2, 3]
    assert spilt == long + b"\n"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_element_too_long_is_spilt_not_held(size: int) -> None:
    long = b'{"a":"' + b"x\\\\]" * 60 + b'"}'
    found, spilt = records(*cut(b'[{"a":1},' + long + b',{"b":2}]', size), limit=LIMIT)
    assert [record.problem for record in found] == [None, "is longer than 64 bytes", None]
    assert spilt == long + b"\n"


def test_the_last_line_too_long_without_newline() -> None:
    found, spilt = records(b'{"a":1}\n', b"x" * 50, b"x" * 50, limit=LIMIT)
    assert [record.problem for record in found] == [None, "is longer than 64 bytes"]
    assert spilt == b"x" * 100 + b"\n"


def test_an_element_that_the_end_cuts_off_has_a_problem() -> None:
    found, _ = records(b'[{"a":1},{"b":"')
    assert [bool(record.problem) for record in found] == [False, True]


def test_a_list_that_is_never_closed_has_a_problem() -> None:
    found, _ = records(b'[{"a":1},')
    assert [bool(record.problem) for record in found] == [False, True]


def test_memory_stays_with_one_record_and_one_chunk() -> None:
    element = b'{"a":"' + b"x" * 1000 + b'"},\n'

    def chunks() -> Iterator[bytes]:
        yield b"["
        for _ in range(400):
            yield element * 100  # 40 MB in all
        yield b"0]"

    tracemalloc.start()
    try:
        count = sum(1 for _ in read_records(chunks(), "auto", lambda piece: None))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 40_001
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b'[{"a":1}}, {"b":2}]', "byte 9, line 1"),
        (b'[{"a":1},\n{"b":2}\n{"c":3}]', "byte 19, line 3"),
        (b'[{"a":1}] x', "byte 11, line 1"),
        (b'[{"a":1}, x]', "byte 11, line 1"),
        (b'[{"a":"x"y"z"}, {"b":2}]', "byte 2, line 1"),
        (b'[{"a":[}, {"b":2}]', "byte 8, line 1"),
    ],
)
def test_anything_else_than_values_and_commas_in_an_array_ends_the_reading(
    text: bytes, place: str
) -> None:
    for form in ("auto", "array"):
        for chunks in ([text], cut(text, 1)):
            with pytest.raises(FramingError, match=f"not a valid JSON array: {place}"):
                records(*chunks, form=form)
