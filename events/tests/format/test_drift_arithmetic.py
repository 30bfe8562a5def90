"""Drift in Python and the trigger's expression in SQL give the same number and the same verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditportal.embedded import EmbeddedPostgres
from events import sql
from events.errors import LedgerConfigurationError
from events.format.drift import DEFAULT_THRESHOLD_SECONDS, Drift, check_threshold, measure_drift
from events.format.timestamps import format_timestamp

NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def database(postgres: EmbeddedPostgres) -> Iterator[psycopg.Connection[Any]]:
    place = postgres.dsn(dbname="postgres")
    with psycopg.connect(**place, autocommit=True) as connection:  # type: ignore[arg-type]
        yield connection


@pytest.mark.parametrize("sign", [1, -1])
def test_a_drift_equal_to_the_threshold_is_in_bounds(sign: int) -> None:
    drift = Drift(sign * timedelta(seconds=5))
    assert not drift.exceeds(Decimal(5))
    assert Drift(drift.offset + sign * MICROSECOND).exceeds(Decimal(5))
    assert not Drift(drift.offset - sign * MICROSECOND).exceeds(Decimal(5))


def test_thresholds_finer_than_a_microsecond_are_kept() -> None:
    assert Drift(MICROSECOND).exceeds(Decimal("0.0000009"))
    assert not Drift(MICROSECOND).exceeds(Decimal("0.0000011"))


@pytest.mark.parametrize(
    ("offset", "direction"),
    [(MICROSECOND, "ahead"), (-MICROSECOND, "behind"), (timedelta(0), "none")],
)
def test_direction(offset: timedelta, direction: str) -> None:
    assert measure_drift(NOON + offset, NOON).direction == direction


@pytest.mark.parametrize(
    ("microseconds", "seconds"),
    [(499, "0.000"), (500, "0.001"), (-1500, "0.002"), (2500, "0.003"), (5_000_001, "5.000")],
)
def test_seconds_are_absolute_and_rounded_half_up(microseconds: int, seconds: str) -> None:
    assert str(Drift(timedelta(microseconds=microseconds)).seconds) == seconds


def test_the_widest_drift_is_exact() -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    drift = measure_drift(first, last)
    assert drift.exceeds(Decimal("315537897599.999998"))
    assert not drift.exceeds(Decimal("315537897599.999999"))
    assert str(drift.seconds) == "315537897600.000"


# What the trigger computes, taken out of the migration so that the two cannot part.
TRIGGER = sql.load("005_clock_drift_monitoring.sql")
EXPRESSIONS = re.search(
    r"(round\(abs\(extract\(epoch FROM .*?\)\), 3\))\s+FROM new_events n\s+"
    r"WHERE (abs\(.*?\)) > threshold",
    TRIGGER,
)


def measured_in_sql(
    database: psycopg.Connection[Any], local: str, authority: str, threshold: Decimal
) -> tuple[Decimal, bool]:
    assert EXPRESSIONS
    row = database.execute(
        f"SELECT {EXPRESSIONS[1]}, {EXPRESSIONS[2]} > %s FROM"
        " (SELECT %s::timestamptz AS local_timestamp, %s::timestamptz AS authority_timestamp) n",
        [threshold, local, authority],
    ).fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("extra", "warned"), [(0, False), (1, True), (-1, False)])
def test_sql_draws_the_line_where_python_does(
    database: psycopg.Connection[Any], sign: int, extra: int, warned: bool
) -> None:
    local = NOON + sign * (timedelta(seconds=5) + extra * MICROSECOND)
    texts = format_timestamp(local), format_timestamp(NOON)
    assert measured_in_sql(database, *texts, DEFAULT_THRESHOLD_SECONDS)[1] is warned
    assert measure_drift(local, NOON).exceeds(DEFAULT_THRESHOLD_SECONDS) is warned


def test_sql_and_python_measure_the_same(database: psycopg.Connection[Any]) -> None:
    moments = st.datetimes(timezones=st.just(UTC))
    near = st.timedeltas(timedelta(seconds=-10), timedelta(seconds=10))

    @settings(max_examples=300, deadline=None)
    @given(moments, moments | near, st.decimals("0.001", "100000000", places=3))
    @example(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), Decimal(5))
    def check(authority: datetime, other: datetime | timedelta, threshold: Decimal) -> None:
        try:
            local = authority + other if isinstance(other, timedelta) else other
        except OverflowError:
            return
        drift = measure_drift(local, authority)
        assert measured_in_sql(
            database, format_timestamp(local), format_timestamp(authority), threshold
        ) == (drift.seconds, drift.exceeds(threshold))

    check()


@pytest.mark.parametrize(
    "value", [5, 0.25, "2.5", Decimal("0.001"), "1e3", "86400"], ids=lambda v: repr(v)
)
def test_takes_a_positive_finite_threshold(value: object) -> None:
    assert check_threshold(value) == Decimal(str(value))


NO_THRESHOLD = {
    "zero": 0,
    "minus zero": -0.0,
    "negative": -1,
    "negative text": "-0.001",
    "NaN": float("nan"),
    "NaN text": "NaN",
    "signaling NaN": Decimal("sNaN"),
    "signaling NaN text": "sNaN",
    "infinity": float("inf"),
    "infinity text": "-Infinity",
    "text": "five",
    "nothing": None,
    "an empty text": "",
    "true": True,
    "a list": [5],
    "a huge integer": 10**5000,
    "more than the database can hold": Decimal("1e200000"),
    "less than the database can hold": Decimal("1e-200000"),
}


@pytest.mark.parametrize("value", NO_THRESHOLD.values(), ids=NO_THRESHOLD.keys())
def test_refuses_threshold(value: object) -> None:
    with pytest.raises(LedgerConfigurationError, match=r"^AC4: the drift threshold"):
        check_threshold(value)
