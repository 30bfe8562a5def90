"""Makes records of lines of text: {"line": the line, "fields": its parsed fields}.

Invariant: the line is kept whole and the event id is derived from it alone, so that a parser can
change without losing data or changing ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from events.errors import CanonicalJSONError
from events.format import canonical
from events.ingest.framing.forms import read_lines
from events.ingest.framing.record import Record, Spill

Fields = dict[str, Any]
Parse = Callable[[str], Fields | None]
"""Parses the fields of a line; None if it has another format."""


def read_text_lines(
    chunks: Iterator[bytes],
    spill: Spill,
    limit: int,
    parse: Parse | None,
    say: Callable[[str], None],
    name: str,
) -> Iterator[Record]:
    """Read one record a line, and report at the end how many lines had no fields."""
    unread = first = total = 0
    for line in read_lines(chunks, spill, limit):
        if line.problem:
            yield line
            continue
        record, is_read = text_record(line.number, line.line, line.text.removesuffix(b"\r"), parse)
        total += 1
        unread += not is_read
        first = first or (0 if is_read else line.line)
        yield record
    say_unread(say, unread, total, first, name)


def text_record(number: int, line: int, raw: bytes, parse: Parse | None) -> tuple[Record, bool]:
    """Make the record of a text. The flag is False if its fields could not be parsed."""
    try:
        text = raw.decode()
        identity = identity_of(text)
    except UnicodeDecodeError as error:
        return Record(number, line, raw, f"not UTF-8: byte {error.start} is wrong"), True
    except CanonicalJSONError as error:
        return Record(number, line, raw, str(error)), True
    fields = parse(text) if parse else None
    payload: Fields = {"line": text} if fields is None else {"line": text, "fields": fields}
    return (
        Record(number, line, orjson.dumps(payload), raw=raw, identity=identity),
        parse is None or fields is not None,
    )


def identity_of(text: str) -> bytes:
    """The canonical text from which the event id is derived, the same in every format.

    Raises:
        CanonicalJSONError: the text contains U+0000.
    """
    plain = text.isascii() and text.isprintable()
    return canonical.canonicalize({"line": text}, plain=plain)


def say_unread(say: Callable[[str], None], unread: int, total: int, first: int, name: str) -> None:
    """Report how many texts had no fields."""
    if unread:
        say(
            f"{unread:,} of {total:,} are not {name}, line {first} the first: taken as "
            '{"line": …} without fields'
        )


def add_field(fields: Fields, key: str, value: str) -> None:
    """Add a field; a repeated key gets a list."""
    if key not in fields:
        fields[key] = value
    elif isinstance(fields[key], list):
        fields[key].append(value)
    else:
        fields[key] = [fields[key], value]
