"""Parses the time formats of logs: ISO 8601 and variants, RFC 2822, CLF, ctime, auditd.

Invariant: an ambiguous text is refused. A date that could be 1 February or 2 January, a zone name
with several offsets and a time without zone need the option that the error names.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from events.errors import TimestampError
from events.format.timestamps import parse_timestamp
from events.ingest.errors import IngestError

_HOURS = {
    **dict.fromkeys(["Z", "UTC", "GMT", "UT", "UCT", "ZULU", "WET"], 0),
    **dict.fromkeys(["WEST", "CET"], 1),
    **dict.fromkeys(["CEST", "EET", "SAST"], 2),
    **dict.fromkeys(["EEST", "MSK", "EAT"], 3),
    **dict.fromkeys(["HKT", "AWST"], 8),
    **dict.fromkeys(["JST", "KST"], 9),
    "AEST": 10,
    "AEDT": 11,
    "NZST": 12,
    "NZDT": 13,
    "HST": -10,
    "AKST": -9,
    "AKDT": -8,
    # RFC 2822, section 4.3
    "EST": -5,
    "EDT": -4,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
}
"""Zone names with a single offset, in hours."""
_AMBIGUOUS = {"CST", "CDT", "IST", "BST", "AST", "ADT", "SST", "GST", "AMT", "ACT", "ECT", "PKT"}
"""Zone names with several offsets: CST is Chicago, Shanghai and Havana."""

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if number}
_WEEKDAYS = [name.lower() for name in calendar.day_abbr]

_WEEKDAY = rf"(?:(?P<weekday>{'|'.join(_WEEKDAYS)})[a-z]{{0,6}},? +)?"
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_DAY = r"(?P<day>[0-9]{1,2})"
_YEAR = r"(?P<year>[0-9]{4})"
_FRACTION = r"(?:[.,](?P<fraction>[0-9]{1,30}))?"
_CLOCK = (
    rf"(?P<hour>[0-9]{{1,2}}):(?P<minute>[0-9]{{2}})(?::(?P<second>[0-9]{{2}}){_FRACTION})?"
    r"(?: ?(?P<half>[ap]m)\b)?"
)
_OFFSET = r"[+-][0-9]{2}(?::?[0-9]{2})?"
_ZONE = (
    rf"(?: ?(?:(?:UTC|GMT)(?P<hours>[+-][0-9]{{1,2}}(?::?[0-9]{{2}})?)|(?P<offset>{_OFFSET})))?"
    r"(?: ?\(?(?P<name>[a-z][a-z0-9_+\-/]*)\)?)?(?:\[(?P<region>[a-z0-9_+\-/]+)\])?"
)


def _form(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.ASCII)


_FORMS = (
    # 2026-01-02T03:04:05,123+02[Europe/Berlin], 2026/01/02 03:04 CET
    _form(
        rf"{_YEAR}(?P<separator>[-/.])(?P<month>[0-9]{{1,2}})(?P=separator){_DAY}"
        rf"(?:T| +){_CLOCK}{_ZONE}"
    ),
    # 20260102T030405Z, 20260102030405.123
    _form(
        rf"{_YEAR}(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}})T?(?P<hour>[0-9]{{2}})(?P<minute>[0-9]{{2}})"
        rf"(?P<second>[0-9]{{2}}){_FRACTION}{_ZONE}"
    ),
    # 20260102030405123
    _form(
        rf"{_YEAR}(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}})(?P<hour>[0-9]{{2}})(?P<minute>[0-9]{{2}})"
        rf"(?P<second>[0-9]{{2}})(?P<fraction>[0-9]{{3}}){_ZONE}"
    ),
    # Fri, 02 Jan 2026 03:04:05 +0000; 02-Jan-2026 03:04:05.123
    _form(rf"{_WEEKDAY}{_DAY}(?P<separator>[ -]){_MONTH}(?P=separator){_YEAR},? +{_CLOCK}{_ZONE}"),
    # 02/Jan/2026:03:04:05 +0000, also in brackets
    _form(rf"\[?{_DAY}/{_MONTH}/{_YEAR}[: ]{_CLOCK}{_ZONE}\]?"),
    # Fri Jan  2 03:04:05 2026, Fri Jan  2 03:04:05 CET 2026
    _form(rf"{_WEEKDAY}{_MONTH} +{_DAY} {_CLOCK}(?: (?P<early>[a-z]+|{_OFFSET}))? {_YEAR}{_ZONE}"),
    # Jan 2, 2026 3:04:05 AM
    _form(rf"{_WEEKDAY}{_MONTH} +{_DAY},? {_YEAR},? {_CLOCK}{_ZONE}"),
    # Jan  2 03:04:05, as syslog writes it
    _form(rf"{_WEEKDAY}{_MONTH} +{_DAY} {_CLOCK}{_ZONE}"),
    # 31/1/2026 03:04:05, 1/31/2026 3:04 PM
    _form(
        r"(?P<left>[0-9]{1,2})(?P<separator>[-/.])(?P<right>[0-9]{1,2})(?P=separator)"
        rf"{_YEAR},? +{_CLOCK}{_ZONE}"
    ),
)
_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].*(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})")
_COMPACT = re.compile(
    r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9](?:[0-9]{3}|\.[0-9]{1,9})?"
)
_SALESFORCE = re.compile(r"[0-9]{14}\.[0-9]{3}")
_AUDITD = re.compile(r"(?:audit\()?([0-9]{1,11}\.[0-9]{3}):[0-9]{1,20}\)?:?")
_DOTNET = re.compile(r"/Date\((-?[0-9]{1,15})(?:[+-][0-9]{4})?\)/")
_ZONE_OFFSET = re.compile(r"([+-])([0-9]{1,2})(?::?([0-9]{2}))?")


@dataclass(frozen=True, slots=True)
class Unsaid:
    """Defaults for texts that lack a zone, or name an ambiguous one, or lack a year."""

    zone: tzinfo | None = None
    year: int | None = None


def parse_time(text: str, unsaid: Unsaid) -> datetime:
    """Parse a text in one of the known formats, to UTC, truncated to microseconds.

    A leap second becomes the last microsecond before it. A wall-clock time that occurs twice
    (clocks put back) means the first, unless the zone's name tells which; one that never occurs
    (clocks put forward) is read with the offset before the change.

    Raises:
        TimestampError: the format is unknown, the time does not exist, or it is ambiguous.
    """
    if _RFC3339.fullmatch(text):
        try:
            return parse_timestamp(text)
        except TimestampError:
            pass  # a variant that is parsed below, or refused there with the reason
    if _SALESFORCE.fullmatch(text) and unsaid.zone is None:
        unsaid = Unsaid(UTC)  # the reference of EventLogFile says that TIMESTAMP is in GMT
    for form in _FORMS:
        if match := form.fullmatch(text):
            return _moment(match, unsaid)
    raise TimestampError("not a time in a known form, such as 2026-01-31T12:00:00Z")


def parse_stated(text: str, pattern: str, unsaid: Unsaid) -> datetime:
    """Parse a text with a `strptime` format.

    Raises:
        TimestampError: the text does not match, or its zone is unknown.
    """
    if "%f" in pattern:
        text = re.sub(r"([.,][0-9]{6})[0-9]+", r"\1", text)
    try:
        found = datetime.strptime(text, pattern)  # noqa: DTZ007
    except ValueError:
        raise TimestampError(f"not of the form {pattern}") from None
    if not re.search(r"%[YyGcxD]", pattern):
        found = _with_year(found, unsaid.year)
    return _in_utc(found if found.tzinfo else _placed(found, None, unsaid.zone))


def check_pattern(pattern: str) -> str:
    """Check a `strptime` format for `parse_stated`, which must include month, day and hour.

    Raises:
        IngestError: it does not, or is invalid.
    """
    sample = datetime(2024, 2, 28, 13, 14, 15, 123456, tzinfo=UTC)
    try:
        again = datetime.strptime(sample.strftime(pattern), pattern)  # noqa: DTZ007
    except ValueError as error:
        raise IngestError(f"{pattern!r} is not a time format: {error}") from None
    if (again.month, again.day, again.hour) != (2, 28, 13):
        raise IngestError(
            f"{pattern!r} must name month, day and hour, as in %Y-%m-%d %H:%M:%S or "
            "%m/%d/%Y %I:%M:%S %p"
        )
    return pattern


def is_compact(text: str) -> bool:
    """True if a text of digits is a date such as 20260102030405 rather than a number."""
    return bool(_COMPACT.fullmatch(text))


def seconds_of_auditd(text: str) -> str | None:
    """The seconds since 1970 in auditd's `1767323045.123:4567`."""
    match = _AUDITD.fullmatch(text)
    return match[1] if match else None


def milliseconds_of_dotnet(text: str) -> str | None:
    """The milliseconds since 1970 in `/Date(1767323045123)/`, as PowerShell writes JSON."""
    match = _DOTNET.fullmatch(text)
    return match[1] if match else None


def parse_zone(text: str) -> tzinfo:
    """Parse `+02:00`, `UTC` or a name of the IANA time zone database.

    Raises:
        IngestError: it is none of these.
    """
    if re.fullmatch(r"[+-][0-9]{2}(:?[0-9]{2})?", text):
        try:
            return _fixed(text)
        except TimestampError as error:
            raise IngestError(f"the zone {text}: {error}") from None
    zone = _region(text)
    if zone is None:
        raise IngestError(f"{text!r} is not a time zone; write it as +02:00, UTC or Europe/Berlin")
    return zone


def _moment(match: re.Match[str], unsaid: Unsaid) -> datetime:
    said = match.groupdict()
    second, microsecond = int(said["second"] or 0), int((said["fraction"] or "")[:6].ljust(6, "0"))
    if second == 60:
        second, microsecond = 59, 999_999
    if said.get("year") is None and unsaid.year is None:
        raise TimestampError("has no year; give it with --local-year")
    year = int(said.get("year") or unsaid.year or 0)
    month, day = _month_and_day(said)
    try:
        wall = datetime(year, month, day, _hour(said), int(said["minute"]), second, microsecond)  # noqa: DTZ001
    except ValueError as error:
        raise TimestampError(f"no such time: {error}") from None
    weekday = said.get("weekday")
    if weekday and wall.weekday() != _WEEKDAYS.index(weekday.lower()):
        raise TimestampError(f"{wall:%Y-%m-%d} is not a {weekday}")
    early = said.get("early") or ""
    offset = said["offset"] or said["hours"] or (early if early[:1] in ("+", "-") else None)
    if offset:
        return _in_utc(wall.replace(tzinfo=_fixed(offset)))
    return _in_utc(_placed(wall, said["name"] or early or said["region"], unsaid.zone))


def _month_and_day(said: dict[str, str | None]) -> tuple[int, int]:
    if "left" not in said:
        month = said["month"] or ""
        return _MONTHS.get(month.lower()) or int(month), int(said["day"] or 0)
    left, right = int(said["left"] or 0), int(said["right"] or 0)
    if left <= 12 and right <= 12 and left != right:
        raise TimestampError(
            "could be day/month or month/day; give --local-time-format, such as "
            "'%d/%m/%Y %H:%M:%S' or '%m/%d/%Y %I:%M:%S %p'"
        )
    return (right, left) if left > 12 else (left, right)


def _hour(said: dict[str, str | None]) -> int:
    hour, half = int(said["hour"] or 0), said.get("half")
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise TimestampError(f"no such time: {hour} {half}")
    return hour % 12 + 12 * (half.lower() == "pm")


def _placed(wall: datetime, name: str | None, zone: tzinfo | None) -> datetime:
    """Attach the named zone, or else the default zone, to a wall-clock time."""
    if name is None:
        if zone is None:
            raise TimestampError("not a timestamp with offset; --local-zone says where it was read")
        return wall.replace(tzinfo=zone)
    for fold in (0, 1):
        there = wall.replace(tzinfo=zone, fold=fold)
        if zone and there.tzname() == name.upper():
            return there
    if (hours := _HOURS.get(name.upper())) is not None:
        return wall.replace(tzinfo=timezone(timedelta(hours=hours)))
    if "/" in name and (region := _region(name)):
        return wall.replace(tzinfo=region)
    many = "has several offsets" if name.upper() in _AMBIGUOUS else "is not known"
    raise TimestampError(
        f"the zone {name} {many}; --local-zone says which, such as Europe/Berlin, which has CET"
    )


def _with_year(found: datetime, year: int | None) -> datetime:
    if year is None:
        raise TimestampError("has no year; give it with --local-year")
    try:
        return found.replace(year=year)
    except ValueError as error:
        raise TimestampError(f"no such time: {error}") from None


def _fixed(offset: str) -> timezone:
    match = _ZONE_OFFSET.fullmatch(offset)
    hours, minutes = (int(match[2]), int(match[3] or 0)) if match else (99, 0)
    if hours > 23 or minutes > 59:
        raise TimestampError("the offset is out of range; it goes from -23:59 to +23:59")
    delta = timedelta(hours=hours, minutes=minutes)
    return timezone(-delta if offset[0] == "-" else delta)


def _region(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise TimestampError(f"no such time: {error}") from None
