"""Timestamps of the event format: UTC, `YYYY-MM-DDTHH:MM:SS.ffffffZ`, always six digits."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from events.errors import TimestampError

CANONICAL = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"
)

_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]{1,30}))?(?:([Zz])|([+-])([0-9]{2}):?([0-9]{2}))?"
)

_COMMON = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}"
    r"(?:\.[0-9]{3}(?:[0-9]{3})?)?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
"""The common case, which `datetime.fromisoformat` parses faster with the same meaning."""


def parse_timestamp(text: str, *, zone: timezone | None = None) -> datetime:
    """Parse an RFC 3339 text (section 5.6) into an aware UTC datetime.

    Fractions finer than a microsecond are truncated, never rounded: a clock reading must not move
    forward. Second 60, a leap second, becomes the last microsecond before it, whatever its
    fraction. A text without offset is refused unless `zone` gives one.

    Raises:
        TimestampError: not a timestamp, no offset, or outside years 1 to 9999 in UTC.
    """
    if _COMMON.fullmatch(text):
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            pass  # the slower parser below gives the reason
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise TimestampError(
            "not a timestamp; write it as 2026-01-31T12:00:00.000000Z or with an offset, +02:00"
        )
    year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
    microsecond = int((match[7] or "")[:6].ljust(6, "0"))
    if second == 60:
        second, microsecond = 59, 999_999
    offset = _offset(match, zone)
    try:
        local = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=offset)
        return local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise TimestampError(f"no such time: {error}") from None


def _offset(match: re.Match[str], zone: timezone | None) -> timezone:
    if match[8]:
        return UTC
    if match[9] is None:
        if zone is None:
            raise TimestampError("the offset is missing; end it with Z, or with +02:00")
        return zone
    hours, minutes = int(match[10]), int(match[11])
    if hours > 23 or minutes > 59:
        raise TimestampError("the offset is out of range; it goes from -23:59 to +23:59")
    delta = timedelta(hours=hours, minutes=minutes)
    return timezone(-delta if match[9] == "-" else delta)


def format_timestamp(moment: datetime) -> str:
    """The canonical text of an aware datetime.

    Raises:
        TimestampError: the datetime is naive, or leaves years 1 to 9999 in UTC.
    """
    if moment.tzinfo is None:
        raise TimestampError("a datetime without time zone is ambiguous")
    try:
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    except OverflowError as error:
        raise TimestampError(f"no such time: {error}") from None


def parse_canonical(text: str) -> datetime:
    """Parse a timestamp in canonical form only.

    Raises:
        TimestampError: the text is not in canonical form.
    """
    if not CANONICAL.fullmatch(text):
        raise TimestampError(f"{text!r} is not of the form YYYY-MM-DDTHH:MM:SS.ffffffZ")
    return parse_timestamp(text)
