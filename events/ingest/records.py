"""Splits a stream of bytes into records: JSON lines, or the elements of JSON arrays.

It must never hold more than one record and one chunk, and never decide whether a record is
valid: it finds where records end.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from events.ingest.arrays import read_elements, starts_list

MAX_RECORD_BYTES = 8 * 2**20
_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """A record's text and its place. `number` is what its event id is made of: the line, or the
    place in the array, from 1. With a `problem` the text is not to be used."""

    number: int
    line: int
    text: bytes
    problem: str | None = None


Spill = Callable[[bytes], None]
"""Takes the pieces of a record that is too long to be held."""


def read_records(
    chunks: Iterator[bytes], form: str, spill: Spill, limit: int = MAX_RECORD_BYTES
) -> Iterator[Record]:
    """The records of `chunks`; `form` is `lines`, `array` or `auto`, which looks at the start.

    Blank lines are no records. A record of more than `limit` bytes comes with a problem and
    without text; its bytes go to `spill` piece by piece.
    """
    head = _head(chunks)
    chunks = itertools.chain([head], chunks)
    if form == "auto":
        form = recognize_form(head)
    return (read_array if form == "array" else read_lines)(chunks, spill, limit)


def recognize_form(head: bytes) -> str:
    """`array` for a JSON array, an object around a list of records, or objects that go over
    several lines; `lines` for everything else."""
    text = head.lstrip()
    first_line = text.partition(b"\n")[0].strip()
    if text.startswith(b"[") or first_line == b"{" or starts_list(text):
        return "array"
    return "lines"


def read_lines(chunks: Iterator[bytes], spill: Spill, limit: int) -> Iterator[Record]:
    """One record a line, numbered by its line."""
    number, held, too_long = 0, b"", False
    for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            number += 1
            text, held = held + piece if held else piece, b""
            if too_long or len(text) > limit:
                spill(text + b"\n")
                yield _too_long(number, number, limit)
                too_long = False
            elif text.strip():
                yield Record(number, number, text)
        held += rest
        if held and (too_long or len(held) > limit):
            spill(held)
            held, too_long = b"", True
    if too_long:
        spill(b"\n")
        yield _too_long(number + 1, number + 1, limit)
    elif held.strip():
        yield Record(number + 1, number + 1, held)


def read_array(chunks: Iterator[bytes], spill: Spill, limit: int) -> Iterator[Record]:
    """One record an element, numbered by its place."""
    for number, element in enumerate(read_elements(chunks, spill, limit), start=1):
        if element.too_long:
            spill(b"\n")
            yield _too_long(number, element.line, limit)
        else:
            problem = "the input ends in the middle of it" if element.torn else None
            yield Record(number, element.line, element.text, problem)


def _head(chunks: Iterator[bytes]) -> bytes:
    """What is needed to recognize the form: the first line that is not blank, or enough of it.
    It waits for no more, so that a pipe is answered as it comes."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _HEAD or b"\n" in head.lstrip():
            break
    return head


def _too_long(number: int, line: int, limit: int) -> Record:
    return Record(number, line, b"", f"is longer than {limit:,} bytes")
