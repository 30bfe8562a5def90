"""Reads the journal's export format (systemd, "Journal Export Formats").

Records equal the objects that `journalctl -o json` writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from events.ingest.errors import FramingError
from events.ingest.framing.forms import TORN
from events.ingest.framing.record import Record, Spill, too_long

_NAME = re.compile(rb"[A-Z0-9_]{1,64}")
_SIZE = 8


def read_journal_export(chunks: Iterator[bytes], spill: Spill, limit: int) -> Iterator[Record]:
    """Read one record an entry, numbered by position. Fields are texts; values that are not UTF-8
    or contain U+0000 are lists of bytes, repeated fields are lists of values.

    Raises:
        FramingError: the input is not in this format.
    """
    window = _Window(chunks, spill, limit)
    number = 0
    while not window.is_at_end():
        window.begin()
        start = window.line
        fields, is_whole = _entry(window)
        if fields or window.is_long:
            number += 1
            if window.is_long:
                spill(window.taken() + b"\n")
                yield too_long(number, start, limit)
            else:
                problem = None if is_whole else TORN
                yield Record(number, start, orjson.dumps(fields), problem, raw=window.taken())


def _entry(window: _Window) -> tuple[dict[str, Any], bool]:
    """The fields up to an empty line; False if the last one is truncated."""
    fields: dict[str, Any] = {}
    while (line := window.take_line()) is not None:
        if line == b"":
            return fields, True
        name, equals, value = line.partition(b"=")
        if not _NAME.fullmatch(name):
            raise FramingError(f"not a journal export: line {window.line - 1} has no field name")
        if not equals:
            size = window.take(_SIZE)
            data = window.take(int.from_bytes(size, "little")) if size is not None else None
            if data is None or window.take(1) is None:
                return fields, False
            value = data
        _put(fields, name.decode(), _value(value))
    return fields, True


def _put(fields: dict[str, Any], name: str, value: Any) -> None:
    if name not in fields:
        fields[name] = value
    elif name in fields and _is_several(fields[name]):
        fields[name].append(value)
    else:
        fields[name] = [fields[name], value]


def _is_several(value: Any) -> bool:
    """True for a list of values, False for a single value as a list of bytes."""
    return isinstance(value, list) and not all(isinstance(one, int) for one in value)


def _value(data: bytes) -> str | list[int]:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return list(data)
    return list(data) if "\0" in text else text


class _Window:
    """The bytes of the current entry; for one that is too long, those not spilt yet."""

    def __init__(self, chunks: Iterator[bytes], spill: Spill, limit: int) -> None:
        self._chunks = chunks
        self._spill = spill
        self._limit = limit
        self._buffer = b""
        self._at = 0
        self.line = 1
        self.is_long = False

    def begin(self) -> None:
        """Drop the previous entry."""
        self._buffer = self._buffer[self._at :]
        self._at = 0
        self.is_long = False

    def is_at_end(self) -> bool:
        """True at the end of the input."""
        return self._at >= len(self._buffer) and not self._fill()

    def taken(self) -> bytes:
        """The bytes of the entry."""
        return self._buffer[: self._at]

    def take_line(self) -> bytes | None:
        """The next line without its end; None at the end of the input. Of a line that is too long,
        the last part."""
        while (end := self._buffer.find(b"\n", self._at)) < 0:
            if self.is_long:
                self._drop()
            if not self._fill():
                line = self._buffer[self._at :]
                self._at = len(self._buffer)
                return line or None
        line = self._buffer[self._at : end]
        self._at = end + 1
        self.line += 1
        return line

    def take(self, count: int) -> bytes | None:
        """The next `count` bytes, or an empty result if the entry is too long; None if the input
        ends before."""
        while len(self._buffer) - self._at < count:
            if self.is_long and len(self._buffer) > self._at:
                count -= len(self._buffer) - self._at
                self._drop()
            elif not self._fill():
                return None
        data = self._buffer[self._at : self._at + count]
        self.line += data.count(b"\n")
        self._at += count
        return b"" if self.is_long else data

    def _fill(self) -> bool:
        for chunk in self._chunks:
            if chunk:
                self._buffer += chunk
                if self.is_long or len(self._buffer) > self._limit + 2**20:
                    self.is_long = True
                return True
        return False

    def _drop(self) -> None:
        self._spill(self._buffer)
        self._buffer, self._at = b"", 0
