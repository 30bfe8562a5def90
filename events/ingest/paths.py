"""Dotted paths into a record: `userIdentity.userName`, `items.0.name`, `host\\.name`.

A missing value is None, never an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from events.ingest.errors import IngestError

_STEP = re.compile(r"((?:[^.\\]|\\.)+)(\.|$)", re.DOTALL)


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


def parse_path(text: str) -> FieldPath:
    r"""Parse a dotted path; a backslash escapes the next character: `a\.b` is one key.

    Raises:
        IngestError: the path, or a step of it, is empty.
    """
    steps: list[str] = []
    position = 0
    while match := _STEP.match(text, position):
        steps.append(re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL))
        position = match.end()
        if not match[2]:
            return FieldPath(text, tuple(steps))
    raise IngestError(f"{text!r} is not a field path; write it as a.b.c, and a dot in a key as \\.")


def first_text(paths: tuple[FieldPath, ...], record: Any) -> str | None:
    """The text at the first path that has one."""
    for path in paths:
        if (text := path.find_text(record)) is not None:
            return text
    return None
