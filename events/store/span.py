"""A span of the ledger by COPY, in parts that fit into memory.

It must never leave a COPY open while its caller waits for somebody: that would hold a snapshot.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any

from events.event import FIELDS, Event
from events.store.connection import copy_lines

NUMBERS = 1_000
"""Numbers of the sequence copied by one statement, at most."""

PART_BYTES = 4 * 2**20
"""Bytes from which on a part ends early: with payloads of 1 MiB it holds a few events."""

_SEPARATOR, _QUOTE = b"\x1f", b"\x01"
_COLUMNS = (*(name for name in FIELDS if name != "payload"), "payload")
_INTEGERS = frozenset({"sequence", "hash_alg_version", "sig_alg_version"})
_SEQUENCE = _COLUMNS.index("sequence")


class UnusualRowError(Exception):
    """A value holds a byte that no event written by the ledger has."""


@dataclass(frozen=True, slots=True)
class CopiedEvent:
    """One event as COPY writes it: the texts of the columns, the payload (as JSONB prints it) last.
    An empty text is NULL."""

    columns: tuple[bytes, ...]
    payload: bytes

    @classmethod
    def read(cls, line: bytes) -> CopiedEvent:
        """The row of a line."""
        *columns, payload = line.rstrip(b"\n").split(_SEPARATOR)
        return cls(tuple(columns), payload)

    def event(self) -> Event:
        """The same row as an event."""
        values = dict(zip(_COLUMNS, (*self.columns, self.payload), strict=True))
        columns: dict[str, Any] = {name: _value(name, text) for name, text in values.items()}
        return Event(**columns)


def _value(name: str, text: bytes) -> str | int | None:
    if name in _INTEGERS:
        return int(text)
    return text.decode() if text else None


def copy_part(using: str, start: int, end: int) -> tuple[list[bytes], int]:
    """The lines of the first events of start … end, and the last number that was looked at.

    Raises:
        UnusualRowError: a value cannot be told from the separators; read it another way.
    """
    part: list[bytes] = []
    last, size = min(end, start + NUMBERS - 1), 0
    with closing(copy_lines(using, "copy_range", {"start": start, "end": last})) as lines:
        for line in lines:
            if _QUOTE in line:
                raise UnusualRowError
            part.append(line)
            size += len(line)
            if size >= PART_BYTES:
                return part, int(CopiedEvent.read(line).columns[_SEQUENCE])
    return part, last
