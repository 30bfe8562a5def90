"""Any JSON values, in every supported framing and cut anywhere, are read as exactly those records,
or refused before the first."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from events.ingest.errors import FramingError
from events.ingest.paths import parse_path
from events.ingest.records import Reading, read_records

TEXTS = st.text(st.sampled_from('{}[]":,\\\n aé') | st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
NESTED = st.dictionaries(TEXTS, VALUES, max_size=3) | st.lists(VALUES, max_size=3)
ROWS = st.lists(NESTED, max_size=5)

Frame = Callable[[list[str]], str]
FORMS: dict[str, tuple[Reading, Frame]] = {
    "lines": (Reading("lines"), "\n".join),
    "lines of Windows": (Reading("lines"), lambda rows: "\r\n\r\n".join(rows) + "\r\n"),
    "array": (Reading("array"), lambda rows: f"[{','.join(rows)}]"),
    "array with trailing commas": (Reading("array"), lambda rows: f" [ {' , '.join(rows)} ,,]\n"),
    "arrays": (Reading("array"), lambda rows: "\n".join(f"[{row}]" for row in rows)),
    "concatenated": (Reading("concatenated"), "".join),
    "concatenated with space": (Reading("concatenated"), lambda rows: " \n\n".join(rows) + " "),
    "json-seq": (Reading("json-seq"), lambda rows: "".join(f"\x1e{row}\n" for row in rows)),
    "lists": (
        Reading(records=parse_path("value")),
        lambda rows: f'{{"x":"]}}","value":[{",".join(rows)}],"y":[{{}}]}}',
    ),
    "lists in lists": (
        Reading(records=parse_path("a.b")),
        lambda rows: "\n".join(f'{{"a":{{"c":1,"b":[{row}]}},"b":[]}}' for row in rows),
    ),
}
CERTAIN: dict[str, Frame] = {
    "array": FORMS["array"][1],
    "json-seq": lambda rows: "".join(f"\x1e{row}\n" for row in rows),
    "CloudTrail": lambda rows: f'{{"Records":[{",".join(rows)}]}}',
}


def cut(text: bytes, at: tuple[int, ...]) -> Iterator[bytes]:
    places = (0, *at, len(text))
    return (text[start:end] for start, end in itertools.pairwise(places))


def read(text: bytes, reading: Reading, *at: int) -> list[Any]:
    records = list(read_records(cut(text, at), reading, lambda piece: None))
    assert [record.problem for record in records] == [None] * len(records)
    return [json.loads(record.text) for record in records]


@settings(deadline=None, max_examples=40)
@given(rows=ROWS, pretty=st.booleans(), ascii_only=st.booleans())
def test_values_come_out_of_every_form_wherever_it_is_cut(
    rows: list[Any], pretty: bool, ascii_only: bool
) -> None:
    for name, (reading, frame) in FORMS.items():
        indent = 1 if pretty and not name.startswith("lines") else None
        texts = [json.dumps(row, indent=indent, ensure_ascii=ascii_only) for row in rows]
        text = frame(texts).encode()
        assert read(text, reading) == rows, name
        if len(text) < 40:
            for at in range(len(text)):
                assert read(text, reading, at) == rows, (name, at)
            assert read(text, reading, *range(1, len(text))) == rows, name


@settings(deadline=None, max_examples=50)
@given(rows=ROWS)
def test_the_envelope_of_every_record_is_the_members_beside_the_list(rows: list[Any]) -> None:
    reading, frame = FORMS["lists"]
    kept = Reading(records=reading.records, keep_envelope=True)
    envelope = {"x": "]}", "y": [{}]}
    found = read(frame([json.dumps(row) for row in rows]).encode(), kept)
    assert found == [{"record": row, "envelope": envelope} for row in rows]


@settings(deadline=None, max_examples=50)
@given(rows=ROWS, pretty=st.booleans())
def test_a_list_unwrapped_automatically_is_complete(rows: list[Any], pretty: bool) -> None:
    """If `auto` accepts the input, records and rows correspond one to one."""
    objects = [row for row in rows if isinstance(row, dict)]
    for name, frame in CERTAIN.items():
        texts = [json.dumps(row, indent=1 if pretty else None) for row in objects]
        text = frame(texts).encode()
        assert read(text, Reading()) == objects, name
    for between in ("\n", ""):
        text = between.join(map(json.dumps, objects)).encode()
        with contextlib.suppress(FramingError):
            assert read(text, Reading()) == objects
