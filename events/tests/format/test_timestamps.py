"""Timestamps: what is accepted, what is refused, and the one canonical form. Independent of the
machine's clock and time zone."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.errors import TimestampError
from events.format import timestamps
from events.format.timestamps import format_timestamp, parse_canonical, parse_timestamp

READ = {
    "canonical": ("2026-01-06T12:00:00.250000Z", "2026-01-06T12:00:00.250000Z"),
    "no fraction": ("2026-01-06T12:00:00Z", "2026-01-06T12:00:00.000000Z"),
    "milliseconds": ("2026-01-06T12:00:00.250Z", "2026-01-06T12:00:00.250000Z"),
    "nanoseconds are cut, not rounded": (
        "2026-01-06T12:00:00.999999999Z",
        "2026-01-06T12:00:00.999999Z",
    ),
    "an offset": ("2026-01-06T14:00:00+02:00", "2026-01-06T12:00:00.000000Z"),
    "an offset without colon": ("2026-01-06T14:00:00+0200", "2026-01-06T12:00:00.000000Z"),
    "an offset over midnight": ("2026-01-01T00:30:00+05:45", "2025-12-31T18:45:00.000000Z"),
    "the unknown offset": ("2026-01-06T12:00:00-00:00", "2026-01-06T12:00:00.000000Z"),
    "a blank for the T": ("2026-01-06 12:00:00Z", "2026-01-06T12:00:00.000000Z"),
    "small letters": ("2026-01-06t12:00:00z", "2026-01-06T12:00:00.000000Z"),
    "the first moment": ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
    "the last moment": ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    "the epoch": ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
    "a leap day": ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z"),
    "a leap second": ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999Z"),
    "within a leap second": ("2016-12-31T23:59:60.25Z", "2016-12-31T23:59:59.999999Z"),
    "a leap second elsewhere": ("2017-01-01T05:29:60+05:30", "2016-12-31T23:59:59.999999Z"),
    "second 60 of another minute": ("2026-01-06 12:00:60.999z", "2026-01-06T12:00:59.999999Z"),
    "the last second 60": ("9999-12-31T23:59:60Z", "9999-12-31T23:59:59.999999Z"),
}


@pytest.mark.parametrize(("text", "canonical"), READ.values(), ids=READ.keys())
def test_reads(text: str, canonical: str) -> None:
    assert format_timestamp(parse_timestamp(text)) == canonical


REFUSED = {
    "nothing": ("", "not a timestamp"),
    "a date": ("2026-01-06", "not a timestamp"),
    "no offset": ("2026-01-06T12:00:00", "the offset is missing"),
    "a number": ("1767700800", "not a timestamp"),
    "a blank before it": (" 2026-01-06T12:00:00Z", "not a timestamp"),
    "a line break behind it": ("2026-01-06T12:00:00Z\n", "not a timestamp"),
    "other digits": ("２０２６-01-06T12:00:00Z", "not a timestamp"),
    "a comma for the point": ("2026-01-06T12:00:00,5Z", "not a timestamp"),
    "no seconds": ("2026-01-06T12:00Z", "not a timestamp"),
    "a point without fraction": ("2026-01-06T12:00:00.Z", "not a timestamp"),
    "a fraction without end": (f"2026-01-06T12:00:00.{'1' * 31}Z", "not a timestamp"),
    "a thirteenth month": ("2026-13-06T12:00:00Z", "no such time: month"),
    "no leap year": ("2026-02-29T12:00:00Z", "no such time: day"),
    "hour 24": ("2026-01-06T24:00:00Z", "no such time: hour"),
    "second 61": ("2016-12-31T23:59:61Z", "no such time: second"),
    "a leap second of no hour": ("2016-12-31T24:59:60Z", "no such time: hour"),
    "year zero": ("0000-01-01T00:00:00Z", "no such time: year 0"),
    "before year 1 in UTC": ("0001-01-01T00:00:00+00:01", "no such time"),
    "after year 9999 in UTC": ("9999-12-31T23:59:59-00:01", "no such time"),
    "an offset of a day": ("2026-01-06T12:00:00+24:00", "the offset is out of range"),
    "an offset of 60 minutes": ("2026-01-06T12:00:00+01:60", "the offset is out of range"),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses(text: str, reason: str) -> None:
    with pytest.raises(TimestampError, match=f"^{reason}"):
        parse_timestamp(text)


def test_a_zone_is_taken_where_the_text_has_none() -> None:
    zone = timezone(timedelta(hours=2))
    assert parse_timestamp("2026-01-06T14:00:00", zone=zone) == datetime(2026, 1, 6, 12, tzinfo=UTC)
    assert parse_timestamp("2026-01-06T12:00:00Z", zone=zone) == datetime(
        2026, 1, 6, 12, tzinfo=UTC
    )


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_writing_and_reading_gives_the_same_moment(moment: datetime) -> None:
    try:
        text = format_timestamp(moment)
    except TimestampError:
        with pytest.raises(OverflowError):
            moment.astimezone(UTC)
        return
    assert len(text) == len("YYYY-MM-DDTHH:MM:SS.ffffffZ")
    assert parse_canonical(text) == moment.astimezone(UTC)
    assert format_timestamp(parse_timestamp(text)) == text


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_texts_sort_like_the_moments(one: datetime, other: datetime) -> None:
    assert (format_timestamp(one) < format_timestamp(other)) == (one < other)


def test_refuses_to_write_a_naive_datetime() -> None:
    with pytest.raises(TimestampError, match="without time zone"):
        format_timestamp(datetime(2026, 1, 6))  # noqa: DTZ001 - the point of the test


EAST, WEST = timezone(timedelta(hours=1)), timezone(timedelta(hours=-1))


@pytest.mark.parametrize(
    "moment",
    [datetime(1, 1, 1, 0, 59, tzinfo=EAST), datetime(9999, 12, 31, 23, 0, tzinfo=WEST)],
    ids=["before year 1", "after year 9999"],
)
def test_refuses_to_write_a_moment_outside_the_years(moment: datetime) -> None:
    with pytest.raises(TimestampError, match="no such time"):
        format_timestamp(moment)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-06T12:00:00Z",
        "2026-01-06T12:00:00.000000+00:00",
        "2026-01-06t12:00:00.000000z",
        "2016-12-31T23:59:60.000000Z",
        "2026-01-06T24:00:00.000000Z",
        "2026-01-06T12:60:00.000000Z",
    ],
)
def test_only_the_canonical_text_is_canonical(text: str) -> None:
    with pytest.raises(TimestampError, match="is not of the form"):
        parse_canonical(text)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(TimestampError):
        assert parse_timestamp(text).tzinfo is UTC


@given(st.from_regex(timestamps._COMMON, fullmatch=True))
def test_the_quick_way_reads_as_the_other_does(text: str) -> None:
    assert outcome(text) == outcome(text.replace("T", " "))


def outcome(text: str) -> datetime | str:
    try:
        return parse_timestamp(text)
    except TimestampError as error:
        return str(error)
