"""Formats durations and relative times in words; pages show the exact figure beside them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

MINUTE, HOUR, DAY = 60, 3600, 86400
YEAR = 31556952
"""A mean Gregorian year in seconds."""
MONTH = YEAR // 12


def duration(seconds: Decimal | float) -> str:
    """`0.25 s`, `7.234 s`, `5 min 12 s`, `3 h 12 min`, `12 days`, `14 months`, `56 years`."""
    size = abs(Decimal(seconds))
    if size < MINUTE:
        return f"{size.quantize(Decimal('0.001')).normalize():f} s"
    whole = int(size)
    if whole < HOUR:
        return _two(whole, MINUTE, "min", 1, "s")
    if whole < DAY:
        return _two(whole, HOUR, "h", MINUTE, "min")
    if whole < 2 * MONTH:
        return _plural(whole // DAY, "day")
    if whole < 2 * YEAR:
        return _plural(whole // MONTH, "month")
    return _plural(whole // YEAR, "year")


def distance(moment: datetime, now: datetime) -> str:
    """`3 min ago`, `in 2 h`, `just now`."""
    seconds = int((now - moment).total_seconds())
    if abs(seconds) < 5:
        return "just now"
    words = coarse(abs(seconds))
    return f"{words} ago" if seconds > 0 else f"in {words}"


def coarse(seconds: int) -> str:
    """Formats a duration in its largest unit."""
    for size, unit in ((YEAR, "year"), (MONTH, "month"), (DAY, "day")):
        if seconds >= 2 * size or (unit == "day" and seconds >= size):
            return _plural(seconds // size, unit)
    if seconds >= HOUR:
        return f"{seconds // HOUR} h"
    return f"{seconds // MINUTE} min" if seconds >= MINUTE else f"{seconds} s"


def _two(whole: int, large: int, large_unit: str, small: int, small_unit: str) -> str:
    rest = whole % large // small
    first = f"{whole // large} {large_unit}"
    return f"{first} {rest} {small_unit}" if rest else first


def _plural(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"
