"""What a preset is: where one kind of log says what happened, who did it and when."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from events.ingest.local_time import TimeField
from events.ingest.paths import FieldPath, first_text, parse_path

Reader = Callable[[Any], str | None]
"""Reads a text of a record; None where the record does not have it."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A field that records of a kind have, and the form of its text where that tells."""

    path: FieldPath
    form: re.Pattern[str] | None = None

    def is_in(self, record: Any) -> bool:
        """Whether a record has it."""
        if isinstance(self.path.find(record), float):
            return self.form is None
        text = self.path.find_text(record)
        return text is not None and (self.form is None or self.form.fullmatch(text) is not None)


@dataclass(frozen=True, slots=True)
class Preset:
    """One kind of log. `signatures` are fields that all stand in its records, and hardly in any
    other's; `event_type` and `agent` give None when the record does not have them; `times` are
    the fields that may hold its time, the best first."""

    name: str
    what: str
    signatures: tuple[tuple[Sign, ...], ...]
    event_type: Reader
    agent: Reader
    times: tuple[TimeField, ...]

    def recognizes(self, record: Any) -> bool:
        """Whether a record looks like one of this kind."""
        return any(all(sign.is_in(record) for sign in signs) for signs in self.signatures)


def paths(text: str) -> tuple[FieldPath, ...]:
    """Field paths with blanks between."""
    return tuple(map(parse_path, text.split()))


def signatures(*texts: str) -> tuple[tuple[Sign, ...], ...]:
    """Signatures, each as field paths with blanks between; `path=pattern` asks for a form."""
    return tuple(tuple(map(_sign, text.split())) for text in texts)


def _sign(text: str) -> Sign:
    path, _, form = text.partition("=")
    return Sign(parse_path(path), re.compile(form) if form else None)


def times(text: str, unit: str | None = None, *, utc: bool = False) -> tuple[TimeField, ...]:
    """Time fields. `utc` is for those of which a log's reference says that their texts without
    offset are in UTC."""
    return tuple(TimeField(path, unit, UTC if utc else None) for path in paths(text))


def first(text: str) -> Reader:
    """The text at the first of the paths that has one."""
    found = paths(text)
    return lambda record: first_text(found, record)


def joined(*readers: Reader) -> Reader:
    """The texts of all readers with blanks between, None unless all have one."""

    def read(record: Any) -> str | None:
        texts = [reader(record) for reader in readers]
        return " ".join(text for text in texts if text) if all(texts) else None

    return read


def either(*readers: Reader) -> Reader:
    """The text of the first reader that has one."""

    def read(record: Any) -> str | None:
        return next((text for reader in readers if (text := reader(record))), None)

    return read


def prefixed(prefix: str, reader: Reader) -> Reader:
    """The text with a prefix, for types such as `alert` that other logs have too."""

    def read(record: Any) -> str | None:
        text = reader(record)
        return None if text is None else prefix + text

    return read


def named_where(path: str, text: str) -> Reader:
    """A constant for records that have a field, of logs whose records do not name what they are."""
    found = parse_path(path)
    return lambda record: text if found.find_text(record) else None


def first_key(pattern: str) -> Reader:
    """The first key of a record that the pattern matches."""
    matches = re.compile(pattern).fullmatch

    def read(record: Any) -> str | None:
        keys = record if isinstance(record, dict) else ()
        return next((key for key in keys if matches(key)), None)

    return read
