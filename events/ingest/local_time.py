"""Reads `local_timestamp` from fields of the record.

Invariant: the time zone, the unit and the order of day and month are never guessed; an option must
state what the record does not. Times before 1990 or after tomorrow are rejected unless asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from events.errors import TimestampError
from events.ingest.errors import IngestError, RejectedRecordError
from events.ingest.paths import FieldPath, parse_path
from events.ingest.time_texts import (
    Unsaid,
    is_compact,
    milliseconds_of_dotnet,
    parse_stated,
    parse_time,
    seconds_of_auditd,
)

_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
UNITS = {
    "s": (Decimal(10**6), _UNIX),
    "ms": (Decimal(1000), _UNIX),
    "us": (Decimal(1), _UNIX),
    "ns": (Decimal("0.001"), _UNIX),
    "filetime": (Decimal("0.1"), datetime(1601, 1, 1, tzinfo=UTC)),
    "ticks": (Decimal("0.1"), datetime(1, 1, 1, tzinfo=UTC)),
}
"""Microseconds per unit, and the unit's epoch. filetime is Windows' FILETIME, ticks are .NET's."""

PRESET = "preset"
"""Stands for the time fields of the preset. A field of that name is written `\\preset`."""
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_NOTHING = ("", "-")


@dataclass(frozen=True, slots=True)
class TimeField:
    """A field that holds a time. `unit` and `zone` are set if the log's format fixes them, and
    override the user's options."""

    path: FieldPath
    unit: str | None = None
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class LocalTime:
    """The fields that may hold the time, and how to read them.

    The first field that is present counts. `zone` applies to texts without offset, `unit` to
    numbers, `year` to texts without year; `patterns` are additional `strptime` formats. `PRESET`
    in `fields` stands for the fields of the preset. A record without preset is then rejected, or
    with `any_preset` has no such fields.
    """

    fields: tuple[TimeField | str, ...]
    zone: tzinfo | None = None
    unit: str | None = None
    year: int | None = None
    patterns: tuple[str, ...] = ()
    required: bool = False
    any_time: bool = False
    any_preset: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def read(self, record: Any, of_preset: tuple[TimeField, ...] = ()) -> datetime | None:
        """The time of a record in UTC, truncated to microseconds; None if it has none.

        Raises:
            RejectedRecordError: the time is unreadable, implausible, or missing although required.
        """
        for field in self._fields(of_preset):
            value = field.path.find(record)
            if value is None or (isinstance(value, str) and value.strip() in _NOTHING):
                continue
            try:
                return self.moment(value, field)
            except TimestampError as error:
                raise RejectedRecordError(f"local time {field.path.text}: {error}") from None
        if self.required:
            sought = ", ".join(field.path.text for field in self._fields(of_preset))
            raise RejectedRecordError(f"local time: {sought} is not in the record")
        return None

    def moment(self, value: Any, field: TimeField) -> datetime:
        """Parse the value of a time field.

        Raises:
            TimestampError: it is not a time, or is ambiguous.
        """
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise TimestampError(f"is {type(value).__name__}, neither text nor number")
        if isinstance(value, str):
            return self._plausible(self._from_text(value.strip(), field))
        number = format(Decimal(repr(value)), "f")
        if self.patterns and field.unit is None and self.unit is None:
            return self._plausible(self._from_text(number, field))
        return self._since(number, field)

    def _fields(self, of_preset: tuple[TimeField, ...]) -> list[TimeField]:
        if PRESET in self.fields and not of_preset and not self.any_preset:
            raise RejectedRecordError(
                "local time: --local-time preset needs a preset, and this log has none"
            )
        found: list[TimeField] = []
        for field in self.fields:
            found.extend(of_preset if isinstance(field, str) else (field,))
        return found

    def _from_text(self, text: str, field: TimeField) -> datetime:
        unsaid = Unsaid(field.zone or self.zone, self.year)
        for pattern in self.patterns:
            try:
                return parse_stated(text, pattern, unsaid)
            except TimestampError as error:
                problem = error
        if seconds := seconds_of_auditd(text):
            return since(seconds, "s")
        if milliseconds := milliseconds_of_dotnet(text):
            return since(milliseconds, "ms")
        if _NUMBER.fullmatch(text) and not is_compact(text):
            return self._since(text, field)
        if self.patterns and not _says_all(text):
            raise problem
        return parse_time(text, unsaid)

    def _since(self, number: str, field: TimeField) -> datetime:
        unit = field.unit or self.unit
        if unit is None:
            raise TimestampError(
                f"is a number; give its unit with --local-time-unit {'|'.join(UNITS)}"
                + self._as_other_units(number, unit)
            )
        try:
            moment = since(number, unit)
        except TimestampError as error:
            raise TimestampError(f"{error}{self._as_other_units(number, unit)}") from None
        if not self._is_plausible(moment):
            raise TimestampError(
                f"is {_shown(moment)} when read as {unit}, which is not between 1990 and tomorrow"
                f"{self._as_other_units(number, unit)}; --any-time accepts it"
            )
        return moment

    def _as_other_units(self, number: str, unit: str | None) -> str:
        likely = []
        for other in UNITS:
            try:
                moment = since(number, other)
            except TimestampError:
                continue
            if other != unit and EARLIEST <= moment <= self._latest():
                likely.append(f"{_shown(moment)} as {other}")
        if is_compact(number):
            likely.append("a date with --local-time-format %Y%m%d%H%M%S")
        return f"; it would be {' or '.join(likely)}" if likely else ""

    def _plausible(self, moment: datetime) -> datetime:
        if not self._is_plausible(moment):
            raise TimestampError(
                f"is {_shown(moment)}, not between 1990 and tomorrow; --any-time accepts it"
            )
        return moment

    def _is_plausible(self, moment: datetime) -> bool:
        return self.any_time or EARLIEST <= moment <= self._latest()

    def _latest(self) -> datetime:
        return self.now() + timedelta(days=1)


def since(number: str, unit: str) -> datetime:
    """Convert a number of units since their epoch to a time.

    Raises:
        TimestampError: it is outside years 1 to 9999.
    """
    size, start = UNITS[unit]
    microseconds = (Decimal(number) * size).to_integral_value(ROUND_FLOOR)
    try:
        return start + timedelta(microseconds=int(microseconds))
    except OverflowError:
        raise TimestampError(f"is outside years 1 to 9999 when read as {unit}") from None


def parse_fields(texts: list[str]) -> tuple[TimeField | str, ...]:
    r"""Parse the values of `--local-time a,b --local-time c`. `\,` is a comma in a name, and
    `\preset` is a field of that name.

    Raises:
        IngestError: one is not a field path.
    """
    paths = [path for text in texts for path in re.findall(r"(?:[^,\\]|\\.)+", text)]
    if not paths:
        raise IngestError("--local-time needs a field")
    return tuple(path if path == PRESET else TimeField(_read_path(path)) for path in paths)


def _read_path(text: str) -> FieldPath:
    """Parse one path, in which a backslash may also stand before a comma or a letter."""
    plain = re.sub(r"\\(.)", lambda pair: pair[0] if pair[1] in ".\\" else pair[1], text)
    return FieldPath(text, parse_path(plain).steps)


def _says_all(text: str) -> bool:
    """True if a text that matches no pattern is a full time with year and offset."""
    try:
        parse_time(text, Unsaid())
    except TimestampError:
        return False
    return text[:4].isdigit()


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"
