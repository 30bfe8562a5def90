"""Readers of the JSON formats: lines, arrays, concatenated values and RFC 7464 sequences."""

from __future__ import annotations

from collections.abc import Iterator

from events.ingest.framing.record import Record, Spill, too_long
from events.ingest.framing.values import Scanner, Value, elements

TORN = "the input ends in the middle of it"
_RECORD_SEPARATOR = b"\x1e"


def read_lines(
    chunks: Iterator[bytes], spill: Spill, limit: int, *, blanks: bool = False
) -> Iterator[Record]:
    """Read one record a line, numbered by line. Blank lines are skipped unless `blanks` is set."""
    number, held, is_long = 0, b"", False
    for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            number += 1
            text, held = held + piece if held else piece, b""
            if is_long or len(text) > limit:
                spill(text + b"\n")
                yield too_long(number, number, limit)
                is_long = False
            elif blanks or text.strip():
                yield Record(number, number, text)
        held += rest
        if held and (is_long or len(held) > limit):
            spill(held)
            held, is_long = b"", True
    if is_long:
        spill(b"\n")
        yield too_long(number + 1, number + 1, limit)
    elif held.strip():
        yield Record(number + 1, number + 1, held)


def read_array(chunks: Iterator[bytes], spill: Spill, limit: int) -> Iterator[Record]:
    """Read the elements of one or several arrays, numbered by position."""
    return _numbered(_elements_of_arrays(chunks, spill, limit), spill, limit)


def read_concatenated(chunks: Iterator[bytes], spill: Spill, limit: int) -> Iterator[Record]:
    """Read values separated by white space, commas or nothing, numbered by position."""
    return _numbered(_values(chunks, spill, limit), spill, limit)


def read_json_seq(chunks: Iterator[bytes], spill: Spill, limit: int) -> Iterator[Record]:
    """Read the record after each record separator (RFC 7464), numbered by position.

    Raises:
        FramingError: the input does not begin with a separator.
    """
    number, line, held, is_long, begun, spilt = 0, 1, b"", False, False, 0
    for chunk in _and_end(chunks):
        *whole, rest = chunk.split(_RECORD_SEPARATOR)
        for piece in whole:
            text, held = held + piece, b""
            if is_long or len(text) > limit:
                number += 1
                spill(text if text.endswith(b"\n") else text + b"\n")
                yield too_long(number, line, limit)
                is_long = False
            elif text.strip():
                if not begun:
                    scanner = Scanner(iter([text]), "JSON text sequence (RFC 7464)")
                    scanner.next_byte()
                    raise scanner.wrong("it does not begin with the record separator 0x1E")
                number += 1
                yield Record(number, line, text)
            line += spilt + text.count(b"\n")
            begun, spilt = True, 0
        held += rest
        if held and (is_long or len(held) > limit):
            spill(held)
            spilt += held.count(b"\n")
            held, is_long = b"", True


def numbered(number: int, value: Value, spill: Spill, limit: int) -> Record:
    """Make a record of a value."""
    if value.too_long:
        spill(b"\n")
        return too_long(number, value.line, limit)
    return Record(number, value.line, value.text, TORN if value.torn else None)


def _numbered(values: Iterator[Value], spill: Spill, limit: int) -> Iterator[Record]:
    for number, value in enumerate(values, start=1):
        yield numbered(number, value, spill, limit)


def _elements_of_arrays(chunks: Iterator[bytes], spill: Spill, limit: int) -> Iterator[Value]:
    scanner = Scanner(chunks, "JSON array", spill, limit)
    while (byte := scanner.next_byte()) is not None:
        if byte != b"[":
            hint = "; --format concatenated takes objects that follow each other"
            raise scanner.wrong(f"{byte!r} is outside of it{hint if byte == b'{' else ''}")
        scanner.advance()
        yield from elements(scanner)


def _values(chunks: Iterator[bytes], spill: Spill, limit: int) -> Iterator[Value]:
    scanner = Scanner(chunks, "sequence of JSON values", spill, limit)
    while (byte := scanner.next_byte()) is not None:
        if byte == b",":
            scanner.advance()
        else:
            yield scanner.take_value()


def _and_end(chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield from chunks
    yield _RECORD_SEPARATOR
