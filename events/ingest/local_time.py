"""The writer's own clock, read from a field of the record.

It must never guess a time zone or a unit: what is not said is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import ROUND_FLOOR, Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from events.errors import TimestampError
from events.ingest.errors import IngestError, RejectedRecordError
from events.ingest.paths import FieldPath
from events.timestamps import parse_timestamp

UNITS = {"s": Decimal(10**6), "ms": Decimal(1000), "us": Decimal(1), "ns": Decimal("0.001")}
"""Microseconds in one of each."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_ENDS_WITH_OFFSET = re.compile(r".*[Tt ].*(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})", re.DOTALL)
_OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})")


@dataclass(frozen=True, slots=True)
class LocalTime:
    """Which field holds the time, and how to read it where it does not say.

    `zone` is for texts without offset. Of a wall-clock time that came twice (clocks put back) the
    first is taken; one that never came (put forward) is read with the offset before the change.
    `unit` is for numbers since 1970-01-01T00:00:00Z.
    """

    path: FieldPath
    zone: tzinfo | None = None
    unit: str | None = None

    def read(self, record: Any) -> datetime:
        """The time of a record, in UTC, cut off after the microsecond.

        Raises:
            RejectedRecordError: the field is not there, or is not a time.
        """
        value = self.path.find(record)
        try:
            return self._moment(value)
        except TimestampError as error:
            raise RejectedRecordError(f"local time {self.path.text}: {error}") from None

    def _moment(self, value: Any) -> datetime:
        if value is None:
            raise TimestampError("is not in the record")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise TimestampError(f"is {type(value).__name__}, neither text nor number")
        text = value if isinstance(value, str) else format(Decimal(repr(value)), "f")
        if _NUMBER.fullmatch(text):
            return self._since_epoch(text)
        return self._from_text(text)

    def _since_epoch(self, number: str) -> datetime:
        if self.unit is None:
            raise TimestampError("is a number; say its unit with --local-time-unit s|ms|us|ns")
        microseconds = (Decimal(number) * UNITS[self.unit]).to_integral_value(ROUND_FLOOR)
        try:
            return _EPOCH + timedelta(microseconds=int(microseconds))
        except OverflowError:
            raise TimestampError("is outside years 1 to 9999; is the unit right?") from None

    def _from_text(self, text: str) -> datetime:
        if _ENDS_WITH_OFFSET.fullmatch(text):
            return parse_timestamp(text)
        if self.zone is None:
            raise TimestampError(
                "not a timestamp with offset; --local-zone says where it was read"
                if _is_wall_clock(text)
                else "not a timestamp (RFC 3339), such as 2026-01-31T12:00:00Z"
            )
        wall = parse_timestamp(text, zone=UTC).replace(tzinfo=None, fold=0)
        try:
            return wall.replace(tzinfo=self.zone).astimezone(UTC)
        except OverflowError as error:
            raise TimestampError(f"no such time: {error}") from None


def parse_zone(text: str) -> tzinfo:
    """`+02:00`, `UTC` or a name of the IANA time zone database.

    Raises:
        IngestError: neither.
    """
    if match := _OFFSET.fullmatch(text):
        hours, minutes = int(match[2]), int(match[3])
        if hours > 23 or minutes > 59:
            raise IngestError(f"the offset {text} is out of range; it goes from -23:59 to +23:59")
        delta = timedelta(hours=hours, minutes=minutes)
        return timezone(-delta if match[1] == "-" else delta)
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise IngestError(
            f"{text!r} is no time zone; write it as +02:00, UTC or Europe/Berlin"
        ) from None


def _is_wall_clock(text: str) -> bool:
    try:
        parse_timestamp(text, zone=UTC)
    except TimestampError:
        return False
    return True
