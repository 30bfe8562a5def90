"""Defines presets: the fields of a kind of log that hold event type, agent and time."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from events.ingest.local_time import TimeField
from events.ingest.paths import FieldPath, first_text, parse_path

Reader = Callable[[Any], str | None]
"""Reads a text from a record; None if the record does not have it."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A field that is characteristic of a kind of log, optionally with the form of its text."""

    path: FieldPath
    form: re.Pattern[str] | None = None

    def is_in(self, record: Any) -> bool:
        """True if a record has this field."""
        if isinstance(self.path.find(record), float):
            return self.form is None
        text = self.path.find_text(record)
        return text is not None and (self.form is None or self.form.fullmatch(text) is not None)


@dataclass(frozen=True, slots=True)
class Preset:
    """One kind of log. Each of `signatures` is a set of fields that together identify its records;
    `event_type` and `agent` return None if the record does not have them; `times` are the fields
    that may hold its time, the best first."""

    name: str
    what: str
    signatures: tuple[tuple[Sign, ...], ...]
    event_type: Reader
    agent: Reader
    times: tuple[TimeField, ...]

    def recognizes(self, record: Any) -> bool:
        """True if a record looks like one of this kind."""
        return any(all(sign.is_in(record) for sign in signs) for signs in self.signatures)


def paths(text: str) -> tuple[FieldPath, ...]:
    """Parse field paths separated by blanks."""
    return tuple(map(parse_path, text.split()))


def signatures(*texts: str) -> tuple[tuple[Sign, ...], ...]:
    """Parse signatures: field paths separated by blanks; `path=pattern` requires a form."""
    return tuple(tuple(map(_sign, text.split())) for text in texts)


def _sign(text: str) -> Sign:
    path, _, form = text.partition("=")
    return Sign(parse_path(path), re.compile(form) if form else None)


def times(text: str, unit: str | None = None, *, utc: bool = False) -> tuple[TimeField, ...]:
    """Parse time fields. Set `utc` if the log's reference says that its times without offset are
    in UTC."""
    return tuple(TimeField(path, unit, UTC if utc else None) for path in paths(text))


def first(text: str) -> Reader:
    """Read the first path that has a text."""
    found = paths(text)
    return lambda record: first_text(found, record)


def joined(*readers: Reader) -> Reader:
    """Join the texts of all readers with blanks; None unless all have one."""

    def read(record: Any) -> str | None:
        texts = [reader(record) for reader in readers]
        return " ".join(text for text in texts if text) if all(texts) else None

    return read


def either(*readers: Reader) -> Reader:
    """Read the first reader that has a text."""

    def read(record: Any) -> str | None:
        return next((text for reader in readers if (text := reader(record))), None)

    return read


def prefixed(prefix: str, reader: Reader) -> Reader:
    """Prefix the text, for types such as `alert` that other logs use too."""

    def read(record: Any) -> str | None:
        text = reader(record)
        return None if text is None else prefix + text

    return read


def named_where(path: str, text: str) -> Reader:
    """Return a constant for records that have a field, for logs that do not name their types."""
    found = parse_path(path)
    return lambda record: text if found.find_text(record) else None


def first_key(pattern: str) -> Reader:
    """Read the first key of a record that matches the pattern."""
    matches = re.compile(pattern).fullmatch

    def read(record: Any) -> str | None:
        keys = record if isinstance(record, dict) else ()
        return next((key for key in keys if matches(key)), None)

    return read
