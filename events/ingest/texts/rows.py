"""Reads CSV with a header (RFC 4180); quoted cells may contain line breaks.

The separator is the comma, semicolon, tab or bar that is most frequent in the header.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator

from events.ingest.errors import FramingError
from events.ingest.framing.forms import read_lines
from events.ingest.framing.record import MAX_RECORD_BYTES, Record, Spill
from events.ingest.texts.line_records import Fields, say_unread, text_record

_SEPARATORS = ",;\t|"
_CELLS = re.compile(rb'(?:(?:"(?:[^"]|"")*+"[^,;\t|]*+|[^",;\t|][^,;\t|]*+|)(?:[,;\t|]|\Z))*+')
"""Complete cells; a quote opens a cell only at its beginning."""

csv.field_size_limit(MAX_RECORD_BYTES)


def read_rows(
    chunks: Iterator[bytes], spill: Spill, limit: int, say: Callable[[str], None]
) -> Iterator[Record]:
    """Read one record a row, numbered by its first line. The header's names are the keys of
    `fields`; surplus cells are a list under the empty key.

    Raises:
        FramingError: the first row is not a header, or a quoted cell does not end.
    """
    rows = _whole_rows(chunks, spill, limit)
    header = next(rows, None)
    if header is None:
        return
    table = _Table(header)
    total = unread = first = 0
    for row in rows:
        if row.problem:
            yield row
            continue
        record, is_read = text_record(row.number, row.line, row.text, table.fields)
        total += 1
        unread += not is_read
        first = first or (0 if is_read else row.line)
        yield record
    say_unread(say, unread, total, first, "rows with the columns of the header")


class _Table:
    """Separator and column names, from the header."""

    def __init__(self, header: Record) -> None:
        try:
            text = header.text.decode()
        except UnicodeDecodeError:
            raise FramingError("not CSV: the header is not UTF-8") from None
        self._separator = max(_SEPARATORS, key=text.count)
        self._names = [name.strip() for name in _cells(text, self._separator) or []]
        twice = [name for name, count in Counter(self._names).items() if count > 1]
        if header.problem or not self._names or "" in self._names or twice:
            why = f"{twice[0]!r} is repeated" if twice else "each column needs a name"
            raise FramingError(f"not CSV with a header in line {header.line}: {why}")

    def fields(self, row: str) -> Fields | None:
        """The cells of a row by column name; None if there are too few."""
        cells = _cells(row, self._separator)
        if cells is None or len(cells) < len(self._names):
            return None
        fields: Fields = dict(zip(self._names, cells, strict=False))
        if more := cells[len(self._names) :]:
            fields[""] = more
        return fields


def _cells(row: str, separator: str) -> list[str] | None:
    try:
        return next(csv.reader([row], delimiter=separator, strict=True), [])
    except csv.Error:
        return None


def _whole_rows(chunks: Iterator[bytes], spill: Spill, limit: int) -> Iterator[Record]:
    """Join lines while a quoted cell is open."""
    row = _Row()
    for line in read_lines(chunks, spill, limit, blanks=True):
        if line.problem and not row.text:
            yield line
        elif row.text or line.text.strip():
            if line.problem or len(row.text) + len(line.text) > limit:
                spill(bytes(row.text))
                break
            if whole := row.add(line):
                yield whole
                row = _Row()
    if row.text:
        raise FramingError(f"not CSV: the quoted cell of line {row.start} does not end")


class _Row:
    """The lines of a row so far; `_ended` is the end of its last complete cell."""

    def __init__(self) -> None:
        self.text = bytearray()
        self.start = self._quotes = self._ended = 0

    def add(self, line: Record) -> Record | None:
        """Append a line; returns the row if it is complete."""
        is_first = not self.text
        if is_first:
            self.start = line.number
        else:
            self.text += b"\n"
        self.text += line.text
        found = line.text.count(b'"')
        if not (is_first or found):
            return None  # without a quote, an open cell stays open
        self._quotes += found
        end = len(self.text) - self.text.endswith(b"\r")
        if self._quotes % 2:
            self._ended = _end_of_cells(self.text, self._ended, end)
            if self._ended < end:
                return None
        return Record(self.start, self.start, bytes(self.text[:end]))


def _end_of_cells(row: bytearray, start: int, end: int) -> int:
    """The end of the last complete cell; cells before `start` are complete."""
    cells = _CELLS.match(row, start, end)
    return cells.end() if cells else start
