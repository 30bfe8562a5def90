"""Any JSON objects in a supported framing are read as exactly those records; a truncated body
yields some of them or is refused."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.api.problems import Refused
from events.api.shippers import framing
from events.api.shippers.framing import Place

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(st.text(), VALUES, max_size=4), min_size=1, max_size=6)
BLANKS = st.text(alphabet=" \t\r\n", max_size=3)

Frame = Callable[[list[str], str], str]
FORMS: dict[str, Frame] = {
    "an array": lambda texts, blank: f"{blank}[{f'{blank},'.join(texts)}{blank}]{blank}",
    "an array of one each": lambda texts, blank: blank.join(f"[{text}]" for text in texts),
    "one after another": lambda texts, blank: blank + blank.join(texts) + blank,
    "record separators": lambda texts, blank: "".join(f"\x1e{text}\n" for text in texts),
    "a byte order mark": lambda texts, blank: "\ufeff" + blank + "\n".join(texts),
}


def records(body: bytes, places: list[Place]) -> list[Any]:
    return [json.loads(body[place.start : place.end]) for place in places]


@settings(deadline=None)
@given(sent=RECORDS, blank=BLANKS, pretty=st.booleans(), ascii_only=st.booleans())
def test_records_come_out_as_they_were_framed(
    sent: list[Any], blank: str, pretty: bool, ascii_only: bool
) -> None:
    indent = 1 if pretty else None
    texts = [json.dumps(record, indent=indent, ensure_ascii=ascii_only) for record in sent]
    for frame in FORMS.values():
        body = frame(texts, blank).encode("utf-8", "surrogatepass")
        places = framing.in_json(body)
        assert records(body, places) == sent
        lines = [body[: place.start].count(b"\n") + 1 for place in places]
        assert [place.line for place in places] == lines
    by_line = [json.dumps(record, ensure_ascii=ascii_only) for record in sent]
    for between in ("\n", "\r\n", "\n \n\n", ""):
        body = between.join(by_line).encode("utf-8", "surrogatepass")
        assert records(body, framing.in_lines(body)) == sent


@settings(deadline=None, max_examples=20)
@given(sent=st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=2), max_size=3))
def test_a_body_that_is_cut_yields_no_record_that_was_not_sent(sent: list[Any]) -> None:
    texts = [json.dumps(record) for record in sent]
    for frame in FORMS.values():
        body = frame(texts, " ").encode()
        for end in range(len(body)):
            for read in (framing.in_json, framing.in_lines):
                for text in _texts(read, body[:end]):
                    try:
                        value = json.loads(text)
                    except ValueError:
                        continue
                    # A line that begins with a bracket is one piece, which is no record.
                    assert value in sent or not isinstance(value, dict)


def _texts(read: Callable[[bytes], list[Place]], body: bytes) -> list[bytes]:
    try:
        return [body[place.start : place.end] for place in read(body)]
    except Refused:
        return []


@settings(deadline=None)
@given(body=st.binary(max_size=200))
def test_whatever_is_sent_is_framed_or_refused(body: bytes) -> None:
    for read in (framing.in_json, framing.in_lines, framing.in_text):
        end = 0
        try:
            places = read(body)
        except Refused:
            continue
        for place in places:
            assert end <= place.start < place.end <= len(body)
            end = place.end


@settings(deadline=None)
@given(text=st.text(max_size=100))
def test_every_line_of_a_text_that_is_not_blank_is_a_record(text: str) -> None:
    body = text.encode()
    found = [body[place.start : place.end] for place in framing.in_text(body)]
    marked = body.removeprefix(framing.BOM)
    assert found == [line for line in marked.split(b"\n") if line.strip()]


HEAVY = {
    "brackets": b"[" * 2**22,
    "brackets in an object": b'{"a":' + b"[" * 2**22,
    "pairs": b"[" + b"[]," * 2**20 + b"[]]",
    "nested pairs": b'{"a":[' + b"[[]]," * 2**20 + b"[]]}",
    "escapes": b'{"' + b'\\"' * 2**21 + b'":1}',
    "escapes without end": b'{"' + b'\\"' * 2**21,
    "a long string": b'["' + b"x" * 2**22 + b'"]',
    "braces": b"{}" * 2**21,
}


@pytest.mark.parametrize("name", HEAVY)
@pytest.mark.parametrize("read", [framing.in_json, framing.in_lines])
def test_malicious_bodies_take_little_memory(
    name: str, read: Callable[[bytes], list[Place]]
) -> None:
    body = HEAVY[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with suppress(Refused):
        read(body)
    # In KiB. The places of 100,000 records are the most that there is.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


@pytest.mark.parametrize("body", [b"[,{}]", b"[{},,{}]", b"[" + b"," * 2**25 + b"]"])
def test_an_array_with_a_missing_element_is_not_json(body: bytes) -> None:
    with pytest.raises(Refused, match="not JSON records"):
        framing.in_json(body)


def test_too_many_turns_of_brackets_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_TURNS", 100)
    with pytest.raises(Refused, match="too many values"):
        framing.in_json(b'{"a":[' + b"[]," * 100 + b"[]]}")
    assert len(framing.in_json(b'{"a":[' + b"[]," * 40 + b"[]]}")) == 1
