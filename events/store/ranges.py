"""Reads whole ranges of events by COPY, as rows for verification and as lines for export.

Rows are not turned into `Event`s, which costs more than reading them. Invariant: a COPY holds a
snapshot, so none stays open while the caller waits for somebody else.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from events.format.event import FIELDS, Event
from events.store.connection import copy_lines, copying

Row = tuple[Any, ...]
"""The columns of `FIELDS`, in their order. None only where a superuser wrote NULL."""

SEQUENCE, TYPE, PREV_HASH, CONTENT_HASH, AGENT, LOCAL, AUTHORITY = (
    FIELDS.index(name)
    for name in (
        "sequence",
        "event_type",
        "prev_hash",
        "content_hash",
        "agent_id",
        "local_timestamp",
        "authority_timestamp",
    )
)
"""Positions of these columns in a row."""

_INTEGERS = {"sequence": "int8", "hash_alg_version": "int2", "sig_alg_version": "int2"}
_COLUMN_TYPES = [_INTEGERS.get(name, "text") for name in FIELDS]


def copy_rows(using: str, start: int, end: int) -> Generator[Row]:
    """The events from `start` to `end`, both included, in sequence order.

    One statement and so one snapshot until the last row is taken: use ranges of some ten thousand
    events. Until then the connection is blocked; a caller that stops early closes the iterator.
    """
    with copying(using, "ranges.copy_rows", {"start": start, "end": end}) as copy:
        copy.set_types(_COLUMN_TYPES)
        yield from copy.rows()


NUMBERS = 1_000
"""Maximum length of the range copied by one statement."""

PART_BYTES = 4 * 2**20
"""A part ends early once it has this many bytes: with payloads of 1 MiB it holds a few events."""

_SEPARATOR, _QUOTE = b"\x1f", b"\x01"
_COLUMNS = (*(name for name in FIELDS if name != "payload"), "payload")
_SEQUENCE = _COLUMNS.index("sequence")


class UnusualRowError(Exception):
    """A value contains a byte that no event written by the ledger has."""


@dataclass(frozen=True, slots=True)
class CopiedEvent:
    """One event as written by COPY: the texts of the columns, the payload (as JSONB prints it)
    last. An empty text is NULL."""

    columns: tuple[bytes, ...]
    payload: bytes

    @classmethod
    def read(cls, line: bytes) -> CopiedEvent:
        """Parse a line."""
        *columns, payload = line.rstrip(b"\n").split(_SEPARATOR)
        return cls(tuple(columns), payload)

    def event(self) -> Event:
        """The row as an event."""
        values = dict(zip(_COLUMNS, (*self.columns, self.payload), strict=True))
        columns: dict[str, Any] = {name: _value(name, text) for name, text in values.items()}
        return Event(**columns)


def _value(name: str, text: bytes) -> str | int | None:
    if name in _INTEGERS:
        return int(text)
    return text.decode() if text else None


def copy_part(using: str, start: int, end: int) -> tuple[list[bytes], int]:
    """The lines of the first events of start … end, and the last sequence covered.

    Raises:
        UnusualRowError: a value contains a separator; read the range another way.
    """
    part: list[bytes] = []
    last, size = min(end, start + NUMBERS - 1), 0
    with closing(copy_lines(using, "ranges.copy_lines", {"start": start, "end": last})) as lines:
        for line in lines:
            if _QUOTE in line:
                raise UnusualRowError
            part.append(line)
            size += len(line)
            if size >= PART_BYTES:
                return part, int(CopiedEvent.read(line).columns[_SEQUENCE])
    return part, last
