"""Dotted paths into a record or a payload: `userIdentity.userName`, `items.0.name`, `host\\.name`.

A missing value is None, never an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from events.errors import LedgerError
from events.ingest.errors import IngestError


class FieldPathError(LedgerError):
    """A dotted path is malformed."""


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A parsed path and its text."""

    text: str
    steps: tuple[str, ...]

    def find(self, record: Any) -> Any:
        """The value at the path; None if it is missing or null."""
        for step in self.steps:
            if isinstance(record, dict):
                record = record.get(step)
            elif isinstance(record, list) and step.isascii() and step.isdigit():
                record = record[int(step)] if int(step) < len(record) else None
            else:
                return None
        return record

    def find_text(self, record: Any) -> str | None:
        """The value as text; None unless it is a non-empty string or an integer."""
        value = self.find(record)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return value if isinstance(value, str) and value else None


def split_path(text: str) -> list[str]:
    r"""The keys of a dotted path, from the root; `\.` is a dot inside a key, `\\` a backslash.

    Raises:
        FieldPathError: a backslash stands before anything else.
    """
    keys, characters = [""], iter(text)
    for character in characters:
        if character == ".":
            keys.append("")
            continue
        if character == "\\" and (character := next(characters, "")) not in (".", "\\"):
            raise FieldPathError(r"a backslash stands only before a dot or a backslash, as in a\.b")
        keys[-1] += character
    return keys


def parse_path(text: str) -> FieldPath:
    """Parse the path to a field of a record.

    Raises:
        IngestError: the path or a step of it is empty, or a backslash escapes anything but a dot
            or a backslash.
    """
    try:
        steps = tuple(split_path(text))
    except FieldPathError as error:
        raise IngestError(f"{text!r} is not a field path: {error}") from None
    if not all(steps):
        raise IngestError(
            f"{text!r} is not a field path; write it as a.b.c, and a dot in a key as \\."
        )
    return FieldPath(text, steps)


def first_text(paths: tuple[FieldPath, ...], record: Any) -> str | None:
    """The text at the first path that has one."""
    for path in paths:
        if (text := path.find_text(record)) is not None:
            return text
    return None
