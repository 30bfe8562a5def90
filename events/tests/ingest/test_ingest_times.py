"""Every time format of logs is parsed correctly or refused."""

from __future__ import annotations

import csv
import json
import re
import shlex
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.format.timestamps import format_timestamp, parse_timestamp
from events.ingest.errors import IngestError, RejectedRecordError
from events.ingest.local_time import EARLIEST, UNITS, LocalTime, parse_fields, since
from events.ingest.mapping import Mapping
from events.ingest.presets import PRESETS
from events.ingest.time_texts import check_pattern, parse_zone

CASES = Path(__file__).parents[1] / "cases" / "logs"
TODAY = datetime(2026, 11, 28, tzinfo=UTC)
MOMENTS = st.timedeltas(timedelta(0), TODAY - EARLIEST).map(lambda passed: EARLIEST + passed)


def read(
    record: dict[str, Any],
    fields: str = "t",
    *,
    zone: str | None = None,
    unit: str | None = None,
    **options: Any,
) -> str | None:
    """The time of a record in the ledger's format."""
    moment = LocalTime(
        parse_fields([fields]),
        parse_zone(zone) if zone else None,
        unit,
        now=lambda: TODAY,
        **options,
    ).read(record)
    return format_timestamp(moment) if moment else None


def refusal(value: object, **options: Any) -> str:
    with pytest.raises(RejectedRecordError) as refused:
        read({"t": value}, **options)
    return str(refused.value)


def rows() -> list[tuple[str, str, str, str]]:
    """Times of real logs: the table of cases/logs/09."""
    with (CASES / "09-time-formats.tsv").open(newline="") as file:
        lines = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(lines)
        return [(name, options, value, right) for name, options, value, right in lines]


@pytest.mark.parametrize(("name", "options", "value", "right"), rows())
def test_every_form_people_have_is_right_or_refused(
    name: str, options: str, value: str, right: str
) -> None:
    parser = ArgumentParser()
    parser.add_argument("--local-zone")
    parser.add_argument("--local-time-unit")
    asked = parser.parse_args(shlex.split(options))
    patterns = ("%m/%d/%Y %I:%M:%S %p",) if "stated format" in right else ()
    record = {"t": json.loads(value)}
    try:
        found = read(record, zone=asked.local_zone, unit=asked.local_time_unit, patterns=patterns)
    except RejectedRecordError:
        assert "refused" in right or "warning" in right, name
        return
    assert found is not None
    expected = re.search(r"2026-[0-9T:.-]+Z", right)
    assert expected, name
    assert found == format_timestamp(parse_timestamp(expected[0])), name


def documented() -> list[list[str]]:
    """The rows of the table of forms in docs/ingestion.md."""
    page = (Path(__file__).parents[3] / "docs" / "ingestion.md").read_text()
    table = page.partition("| a record has | with | is read as |")[2].partition("\n\n")[0]
    return [
        [re.sub(r"^ *`(.*)`.*|^ *$", r"\1", cell) for cell in line.strip("|").split(" | ")]
        for line in table.splitlines()[2:]
    ]


@pytest.mark.parametrize(("value", "options", "expected"), documented())
def test_every_form_of_the_documentation(value: str, options: str, expected: str) -> None:
    parser = ArgumentParser()
    parser.add_argument("--local-zone")
    parser.add_argument("--local-time-unit")
    parser.add_argument("--local-time-format", action="append", default=[])
    parser.add_argument("--local-year", type=int)
    asked = parser.parse_args(shlex.split(options))
    found = read(
        {"t": json.loads(value) if value[0] == '"' or value.isdigit() else value},
        zone=asked.local_zone,
        unit=asked.local_time_unit,
        patterns=tuple(map(check_pattern, asked.local_time_format)),
        year=asked.local_year,
    )
    assert found == format_timestamp(parse_timestamp(expected))


@pytest.mark.parametrize(
    ("value", "zone", "unit", "expected"),
    [
        ("2026-01-31T12:00:00.1234567Z", None, None, "2026-01-31T12:00:00.123456Z"),
        ("2026-01-31 12:00:00+02:00", None, None, "2026-01-31T10:00:00.000000Z"),
        ("2016-12-31T23:59:60.7Z", None, None, "2016-12-31T23:59:59.999999Z"),
        ("2017-01-01 00:59:60", "Europe/Berlin", None, "2016-12-31T23:59:59.999999Z"),
        ("2026-01-31 12:00:00-0230", "+05:00", None, "2026-01-31T14:30:00.000000Z"),
        ("2026-01-31 12:00:00", "+02:00", None, "2026-01-31T10:00:00.000000Z"),
        ("2026-07-31 12:00:00", "Europe/Berlin", None, "2026-07-31T10:00:00.000000Z"),
        ("2026-01-31 12:00:00", "UTC", None, "2026-01-31T12:00:00.000000Z"),
        # Clocks put back on 2026-10-25 at 03:00: 02:30 comes twice, the first is taken.
        ("2026-10-25T02:30:00", "Europe/Berlin", None, "2026-10-25T00:30:00.000000Z"),
        # The zone's name tells which of the two it is.
        ("2026-10-25 02:30:00 CEST", "Europe/Berlin", None, "2026-10-25T00:30:00.000000Z"),
        ("2026-10-25 02:30:00 CET", "Europe/Berlin", None, "2026-10-25T01:30:00.000000Z"),
        # Clocks put forward on 2026-03-29 at 02:00: 02:30 never comes; offset before the change.
        ("2026-03-29T02:30:00", "Europe/Berlin", None, "2026-03-29T01:30:00.000000Z"),
        (1767225600, None, "s", "2026-01-01T00:00:00.000000Z"),
        (1767225600.25, None, "s", "2026-01-01T00:00:00.250000Z"),
        (1767225600123, None, "ms", "2026-01-01T00:00:00.123000Z"),
        ("1767225600123456", None, "us", "2026-01-01T00:00:00.123456Z"),
        (1767225600123456999, None, "ns", "2026-01-01T00:00:00.123456Z"),
        (134118326451234567, None, "filetime", "2026-01-02T13:04:05.123456Z"),
        (639029558451234567, None, "ticks", "2026-01-02T13:04:05.123456Z"),
        ("2026-01-02 03:04:05.123 PST", None, None, "2026-01-02T11:04:05.123000Z"),
        ("2026-07-02 03:04:05 CST", "Asia/Shanghai", None, "2026-07-01T19:04:05.000000Z"),
        ("2026-01-02 03:04:05 CST", "America/Chicago", None, "2026-01-02T09:04:05.000000Z"),
        ("2026-01-02 03:04:05.123456789 +0000 UTC", None, None, "2026-01-02T03:04:05.123456Z"),
        ("2026-01-02T03:04:05.123 GMT+02:00", None, None, "2026-01-02T01:04:05.123000Z"),
        ("2026-01-02T03:04:05[Europe/Berlin]", None, None, "2026-01-02T02:04:05.000000Z"),
        ("2026-01-02 03:04:05 Europe/Berlin", None, None, "2026-01-02T02:04:05.000000Z"),
        ("20260102030405", "Europe/Berlin", None, "2026-01-02T02:04:05.000000Z"),
        ("20260102030405123", "UTC", "ms", "2026-01-02T03:04:05.123000Z"),
        ("2 Jan 2026 03:04:05 EST", None, None, "2026-01-02T08:04:05.000000Z"),
        ("02-Jan-2026 03:04:05.123", "UTC", None, "2026-01-02T03:04:05.123000Z"),
        ("Fri, 02 Jan 2026 03:04:05 +0000 (UTC)", None, None, "2026-01-02T03:04:05.000000Z"),
        ("[02/Jan/2026:03:04:05 +0100]", None, None, "2026-01-02T02:04:05.000000Z"),
        ("Fri Jan  2 03:04:05 CET 2026", None, None, "2026-01-02T02:04:05.000000Z"),
        ("Fri Jan 02 03:04:05.123456 2026", "UTC", None, "2026-01-02T03:04:05.123456Z"),
        ("Jan 2, 2026 3:04:05 PM", "UTC", None, "2026-01-02T15:04:05.000000Z"),
        ("31/1/2026 12:00:00", "UTC", None, "2026-01-31T12:00:00.000000Z"),
        ("1/31/2026 12:00:00 AM", "UTC", None, "2026-01-31T00:00:00.000000Z"),
        ("31.01.2026 12:00:00", "UTC", None, "2026-01-31T12:00:00.000000Z"),
        ("audit(1767323045.123:4567)", None, None, "2026-01-02T03:04:05.123000Z"),
        ("/Date(1767323045123)/", None, None, "2026-01-02T03:04:05.123000Z"),
        ("2026-11-28T23:59:59Z", None, None, "2026-11-28T23:59:59.000000Z"),
        ("1990-01-01T00:00:00Z", None, None, "1990-01-01T00:00:00.000000Z"),
    ],
)
def test_local_times(value: object, zone: str | None, unit: str | None, expected: str) -> None:
    assert read({"t": value}, zone=zone, unit=unit) == expected


@pytest.mark.parametrize(
    ("value", "zone", "unit", "why"),
    [
        ("2026-01-31 12:00:00", None, None, "--local-zone"),
        ("20260102030405", None, None, "--local-zone"),
        ("yesterday", "UTC", None, "not a time"),
        ("20260102", "UTC", None, "--local-time-unit"),
        ("2026-01-02", "UTC", None, "not a time"),
        (1767225600, None, None, "--local-time-unit s|ms|us|ns|filetime|ticks; it would be 2026"),
        (20260102030405, "UTC", "ms", "--local-time-format %Y%m%d%H%M%S"),
        (1767225600, None, "ms", "1970-01-21T10:53:45Z when read as ms"),
        (
            1767225600123,
            None,
            "s",
            "years 1 to 9999 when read as s; it would be 2026-01-01T00:00:00Z as ms",
        ),
        (1767225600, None, "ms", "2026-01-01T00:00:00Z as s"),
        (134117966451234567, None, "ns", "2026-01-02T03:04:05Z as filetime"),
        (0, None, "s", "1970"),
        (-1, None, "ns", "1969"),
        (10**25, None, "s", "years"),
        (True, None, "s", "neither"),
        ({}, None, "s", "neither"),
        ("2026-02-30T00:00:00Z", None, None, "no such time"),
        ("2026-01-01T24:00:00Z", None, None, "no such time"),
        ("0001-01-01T00:00:00", "+12:00", None, "no such time"),
        ("0001-01-01T00:00:00", "UTC", None, "between 1990 and tomorrow"),
        ("2612-01-01T00:00:00Z", None, None, "--any-time"),
        ("1/2/2026 3:04:05 AM", "UTC", None, "--local-time-format"),
        ("2026-01-02 03:04:05 CST", None, None, "several offsets; --local-zone"),
        ("2026-01-02 03:04:05 CST", "Europe/Berlin", None, "several offsets; --local-zone"),
        ("2026-01-02 03:04:05 XYZ", None, None, "XYZ is not known"),
        ("2026-01-02 03:04:05 +25:00", None, None, "out of range"),
        ("Sat, 02 Jan 2026 03:04:05 +0000", None, None, "2026-01-02 is not a Sat"),
        ("Jan  2 03:04:05", "UTC", None, "--local-year"),
        ("1/31/2026 13:00:00 AM", "UTC", None, "no such time"),
    ],
)
def test_an_ambiguous_or_unlikely_time_is_refused_with_a_hint(
    value: object, zone: str | None, unit: str | None, why: str
) -> None:
    assert why in refusal(value, zone=zone, unit=unit)


@pytest.mark.parametrize("zone", ["", "Nowhere/Here", "+25:00", "../etc/passwd", "2"])
def test_an_invalid_zone_is_refused(zone: str) -> None:
    with pytest.raises(IngestError):
        parse_zone(zone)


def test_any_time_is_taken_when_asked_for() -> None:
    assert read({"t": -1}, unit="ns", any_time=True) == "1969-12-31T23:59:59.999999Z"
    assert read({"t": "2612-01-01T00:00:00Z"}, any_time=True) == "2612-01-01T00:00:00.000000Z"


def test_a_year_that_texts_leave_out_can_be_said() -> None:
    assert read({"t": "Jan  2 03:04:05"}, zone="UTC", year=2026) == "2026-01-02T03:04:05.000000Z"
    assert "no such time" in refusal("Feb 29 03:04:05", zone="UTC", year=2026)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("%d/%m/%Y %H:%M:%S", "1/2/2026 03:04:05", "2026-02-01T03:04:05.000000Z"),
        ("%m/%d/%Y %I:%M:%S %p", "1/2/2026 3:04:05 PM", "2026-01-02T15:04:05.000000Z"),
        ("%Y%m%d%H%M%S", 20260102030405, "2026-01-02T03:04:05.000000Z"),
        ("%y%m%d-%H:%M:%S.%f", "260102-03:04:05.123456789", "2026-01-02T03:04:05.123456Z"),
        ("%d.%m.%y %H.%M %z", "02.01.26 03.04 +0100", "2026-01-02T02:04:00.000000Z"),
        ("%b %d %H:%M:%S", "Jan 2 03:04:05", "2026-01-02T03:04:05.000000Z"),
        # What says all by itself needs no form.
        ("%d/%m/%Y %H:%M:%S", "2026-01-02T03:04:05+01:00", "2026-01-02T02:04:05.000000Z"),
    ],
)
def test_a_form_that_is_stated(pattern: str, value: object, expected: str) -> None:
    found = read({"t": value}, zone="UTC", year=2026, patterns=(check_pattern(pattern),))
    assert found == expected


def test_a_text_of_another_form_than_the_stated_is_refused() -> None:
    stated = (check_pattern("%d/%m/%Y %H:%M:%S"),)
    assert "not of the form" in refusal("1/31/2026 03:04:05", zone="UTC", patterns=stated)


@pytest.mark.parametrize("pattern", ["", "%Y", "%Y-%m-%d", "%H:%M", "%Q", "%Y-%m-%d %H %", "%s"])
def test_a_form_that_names_no_day_and_hour_is_refused(pattern: str) -> None:
    with pytest.raises(IngestError):
        check_pattern(pattern)


def test_the_first_field_that_is_there_counts() -> None:
    # cases/logs/10: no field, one field, another field.
    lines = (CASES / "10-time-missing-in-one.jsonl").read_text().splitlines()
    found = [read(json.loads(line), "t,ts", unit="ms") for line in lines]
    assert found == ["2026-01-02T03:04:05.000000Z", None, "2026-01-02T03:04:05.123000Z"]
    both = {"t": "2026-01-02T03:04:05Z", "ts": 0}
    assert read(both, "t,ts", unit="ms") == "2026-01-02T03:04:05.000000Z"
    nothing = {"t": None, "u": "", "v": "-", "ts": 1767323045123}
    assert read(nothing, "t,u,v,ts", unit="ms") == "2026-01-02T03:04:05.123000Z"


def test_a_field_without_a_valid_time_is_not_treated_as_missing() -> None:
    with pytest.raises(RejectedRecordError, match="local time t: not a time"):
        read({"t": "soon", "u": "2026-01-02T03:04:05Z"}, "t,u")


def test_a_time_can_be_required() -> None:
    with pytest.raises(RejectedRecordError, match=r"t, u is not in the record"):
        read({"x": 1}, "t,u", required=True)


def test_names_of_fields_may_hold_what_divides_them() -> None:
    record = {"a,b": {"c.d": "2026-01-02T03:04:05Z"}, "preset": "2026-01-03T03:04:05Z"}
    assert read(record, r"x,a\,b.c\.d") == "2026-01-02T03:04:05.000000Z"
    assert read(record, r"\preset") == "2026-01-03T03:04:05.000000Z"
    for wrong in ("", ",", "a,,b..c"):
        with pytest.raises(IngestError):
            parse_fields([wrong])


def test_a_preset_knows_its_fields() -> None:
    rule = LocalTime(parse_fields(["preset", "when"]))
    mapping = Mapping(PRESETS["journald"], event_type="t", agent="a", local_time=rule)

    def moment(record: dict[str, Any]) -> datetime | None:
        text = json.dumps(record).encode()
        return mapping.submission(text, source="s", number=1).local_timestamp

    assert moment({"__REALTIME_TIMESTAMP": "1767323045123456"}) == since("1767323045.123456", "s")
    assert moment({"when": "2026-01-02T03:04:05Z"}) == since("1767323045", "s")
    assert moment({}) is None
    with pytest.raises(RejectedRecordError, match="none"):
        rule.read({})


@given(
    MOMENTS,
    st.sampled_from(sorted(UNITS)),
)
def test_numbers_come_back_as_the_time_they_were(moment: datetime, unit: str) -> None:
    size, start = UNITS[unit]
    number = Decimal((moment - start) // timedelta(microseconds=1)) / size
    assert read({"t": format(number, "f")}, unit=unit) == format_timestamp(moment)


@given(
    MOMENTS,
    st.sampled_from(
        [
            "%Y-%m-%dT%H:%M:%S.%f%z",
            "%Y-%m-%d %H:%M:%S,%f UTC",
            "%Y/%m/%d %H:%M:%S.%f +00",
            "%Y%m%dT%H%M%S.%fZ",
            "%Y%m%d%H%M%S.%f%z",
            "%a, %d %b %Y %H:%M:%S.%f GMT",
            "%d/%b/%Y:%H:%M:%S.%f %z",
            "%a %b %d %H:%M:%S.%f %Y UTC",
            "%a %b %d %H:%M:%S.%f UTC %Y",
            "%b %d, %Y %I:%M:%S.%f %p UTC",
        ]
    ),
)
def test_texts_come_back_as_the_time_they_were(moment: datetime, pattern: str) -> None:
    assert read({"t": moment.strftime(pattern)}) == format_timestamp(moment)
