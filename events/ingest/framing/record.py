"""A record as it was found in its input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MAX_RECORD_BYTES = 8 * 2**20

Spill = Callable[[bytes], None]
"""Takes the pieces of a record that is too long to be held."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record's text and its place. `number` is what its event id is made of: the line, or the
    place among all records, from 1. With a `problem` the text is not to be used.

    `text` is the JSON text of the payload. Where that holds more than what stands in the input,
    `raw` is what stands there, and `identity` the canonical text that the event id is made of
    instead of the payload.
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
    """A record that was spilt."""
    return Record(number, line, b"", f"is longer than {limit:,} bytes")


def nowhere(piece: bytes | str) -> None:
    """Takes what nobody wants."""
