"""Defines a record as found in its input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MAX_RECORD_BYTES = 8 * 2**20

Spill = Callable[[bytes], None]
"""Receives the pieces of a record that is too long to buffer."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record's text and place. `number` goes into its event id: the line, or the position among
    all records, from 1. With a `problem` the record cannot be ingested.

    `text` is the JSON text of the payload. If that differs from the input, `raw` holds the bytes
    of the input, and `identity` the canonical text from which the event id is derived.
    """

    number: int
    line: int
    text: bytes
    problem: str | None = None
    raw: bytes | None = None
    identity: bytes | None = None

    @property
    def original(self) -> bytes:
        """The bytes of the record in its input."""
        return self.text if self.raw is None else self.raw


def too_long(number: int, line: int, limit: int) -> Record:
    """The record that stands for one that was spilt."""
    return Record(number, line, b"", f"is longer than {limit:,} bytes")


def nowhere(piece: bytes | str) -> None:
    """Discard a piece or a message."""
