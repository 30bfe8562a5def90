"""The acceptance criteria of FR6 and FR7 one by one: two times, one order, drift that warns and
never refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError
from structlog.testing import capture_logs

from events.append.services import writer
from events.append.writer import TimeAuthorityService
from events.errors import LedgerConfigurationError
from events.format.drift import measure_drift
from events.format.event import Event
from events.format.key_events import THRESHOLD_SET
from events.registrar import registrar
from events.store.drift import DriftFilter, get_threshold, list_warnings
from events.tests.support.ledger import OPENING, Ledger, submission

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_at(local: datetime) -> Event:
    return writer().write_event(submission(local_timestamp=local)).event


def warnings(ledger: Ledger) -> list[Any]:
    return ledger.query(
        "SELECT e.sequence, w.local_timestamp = e.local_timestamp,"
        " w.authority_timestamp = e.authority_timestamp, w.drift_seconds"
        " FROM clock_drift_warnings w JOIN events e USING (event_id) ORDER BY w.id"
    )


def test_ac1_every_event_has_two_times(ledger: Ledger) -> None:
    local = datetime(2026, 1, 6, 12, 0, 0, 250000, tzinfo=UTC)
    before = ledger.query("SELECT clock_timestamp()")[0][0]
    appended = write_at(local)
    after = ledger.query("SELECT clock_timestamp()")[0][0]
    assert appended.local_timestamp == "2026-01-06T12:00:00.250000Z"
    assert before <= appended.authority_time <= after
    stored = ledger.store.get_event(appended.sequence)
    assert stored is not None
    assert (stored.local_timestamp, stored.authority_timestamp) == (
        appended.local_timestamp,
        appended.authority_timestamp,
    )


def test_ac1_both_columns_are_there_and_never_empty(ledger: Ledger) -> None:
    assert ledger.query(
        "SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns"
        " WHERE table_name = 'events' AND column_name LIKE '%%timestamp' ORDER BY 1"
    ) == [
        ("authority_timestamp", "timestamp with time zone", "NO", "now()"),
        ("local_timestamp", "timestamp with time zone", "NO", None),
    ]


def test_ac1_without_a_clock_reading_the_writing_process_gives_it(ledger: Ledger) -> None:
    timeless = submission()
    before = datetime.now(UTC)
    appended = writer().write_event(timeless).event
    assert before - timedelta(seconds=5) <= appended.local_time <= datetime.now(UTC)


def test_fr6_both_times_are_under_the_hash(ledger: Ledger) -> None:
    (appended,) = ledger.write(1)
    where = f"WHERE sequence = {appended.sequence}"
    for column in ("local_timestamp", "authority_timestamp"):
        ledger.tamper(f"UPDATE events SET {column} = {column} + interval '1 microsecond' {where}")
        assert [check for _, check, _, _ in ledger.query("SELECT * FROM verify_chain()")] == [
            "content_hash"
        ]
        ledger.tamper(f"UPDATE events SET {column} = {column} - interval '1 microsecond' {where}")
    assert ledger.query("SELECT * FROM verify_chain()") == []


def test_ac2_sequence_is_a_bigserial_unique_and_rising(ledger: Ledger) -> None:
    assert ledger.query(
        "SELECT data_type, is_nullable, column_default FROM information_schema.columns"
        " WHERE table_name = 'events' AND column_name = 'sequence'"
    ) == [("bigint", "NO", "nextval('events_sequence_seq'::regclass)")]
    assert ledger.query("SELECT pg_get_serial_sequence('events', 'sequence')") == [
        ("public.events_sequence_seq",)
    ]
    assert ledger.query(
        "SELECT count(*) FROM pg_constraint WHERE conname = 'events_sequence_key' AND contype = 'u'"
    ) == [(1,)]
    assert [e.sequence for e in ledger.write(5)] == [4, 5, 6, 7, 8]


def test_fr7_a_ledger_without_events_ends_at_zero(unopened: Ledger) -> None:
    assert unopened.store.get_max_sequence() == 0


def test_fr7_sequence_starts_at_one_and_has_no_gap(ledger: Ledger) -> None:
    ledger.write(3)
    assert ledger.query("SELECT min(sequence), max(sequence) FROM events") == [(1, OPENING + 3)]
    assert ledger.store.verify_sequence_continuity() == (True, ())


def test_ac3_order_is_the_sequence_whatever_the_clocks_say(ledger: Ledger) -> None:
    noon = datetime(2026, 1, 6, 12, tzinfo=UTC)
    offsets = [0, 3600, -3600, 10**8, -(10**8), 1]
    written = [write_at(noon + timedelta(seconds=offset)) for offset in offsets]
    read = ledger.written()
    assert [e.sequence for e in read] == [4, 5, 6, 7, 8, 9]
    assert [e.event_id for e in read] == [e.event_id for e in written]
    local = [e.local_time for e in read]
    assert local != sorted(local)


def test_ac3_the_same_local_time_again_is_accepted(ledger: Ledger) -> None:
    assert [write_at(EPOCH).sequence for _ in range(3)] == [4, 5, 6]


FAR = {
    "year 1": datetime(1, 1, 1, tzinfo=UTC),
    "1970": EPOCH,
    "year 9999": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
}


@pytest.mark.parametrize("local", FAR.values(), ids=FAR.keys())
def test_ac4_a_clock_far_off_is_accepted_and_warned_about_once(
    ledger: Ledger, local: datetime
) -> None:
    with capture_logs() as logs:
        appended = write_at(local)
    drift = measure_drift(local, appended.authority_time)
    assert warnings(ledger) == [(appended.sequence, True, True, drift.seconds)]
    (line,) = [entry for entry in logs if entry["event"] == "clock_drift_detected"]
    assert line == {
        "event": "clock_drift_detected",
        "log_level": "warning",
        "event_id": appended.event_id,
        "sequence": appended.sequence,
        "agent_id": "agent-7",
        "drift_seconds": str(drift.seconds),
        "direction": "ahead" if local.year == 9999 else "behind",
        "threshold_seconds": "5",
        "local_timestamp": appended.local_timestamp,
        "authority_timestamp": appended.authority_timestamp,
    }
    (row,) = list_warnings("default", DriftFilter(), limit=10)
    assert (row.sequence, row.event_id, row.direction) == (
        appended.sequence,
        appended.event_id,
        line["direction"],
    )
    assert ledger.query("SELECT * FROM verify_chain()") == []


def test_ac4_a_clock_in_step_is_not_warned_about(ledger: Ledger) -> None:
    with capture_logs() as logs:
        ledger.write(3)
    assert warnings(ledger) == []
    assert [entry["event"] for entry in logs] == ["events_appended"] * 3


def test_ac4_in_a_batch_each_drifting_event_is_warned_about(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    times = [now, EPOCH, now, now + timedelta(days=1), now]
    with capture_logs() as logs:
        writer().write_events([submission(local_timestamp=t) for t in times])
    assert [sequence for sequence, *_ in warnings(ledger)] == [5, 7]
    logged = [entry["sequence"] for entry in logs if entry["event"] == "clock_drift_detected"]
    assert logged == [5, 7]


def test_ac4_nothing_is_warned_about_when_the_append_is_refused(ledger: Ledger) -> None:
    ledger.write(1)
    batch = [submission(event_type=name, local_timestamp=EPOCH) for name in ("a", "a\tb")]
    with capture_logs() as logs, pytest.raises(IntegrityError):
        writer().write_events(batch)
    assert (warnings(ledger), logs) == ([], [])


@pytest.mark.parametrize("offset", [60, -60])
def test_ac4_one_threshold_for_trigger_and_python(ledger: Ledger, offset: int) -> None:
    """A minute's drift: over the default threshold, under one of two minutes, over it again."""
    expected = []
    for threshold, warned in (("5", True), ("120", False), ("5", True)):
        registrar().set_threshold(threshold)
        assert get_threshold("default") == Decimal(threshold)
        with capture_logs() as logs:
            sequence = write_at(datetime.now(UTC) + timedelta(seconds=offset)).sequence
        expected += [sequence] if warned else []
        assert [row[0] for row in warnings(ledger)] == expected
        logged = [e["sequence"] for e in logs if e["event"] == "clock_drift_detected"]
        assert logged == ([sequence] if warned else [])


def test_ac4_trigger_and_python_agree_along_the_line(ledger: Ledger) -> None:
    """Around the threshold, where the two could part, by the drift that was really stored."""
    registrar().set_threshold("0.004")
    with capture_logs() as logs:
        for n in range(60):
            write_at(datetime.now(UTC) - timedelta(microseconds=n * 120))
    _, *written = ledger.written()  # the first one sets the threshold
    over = [e.sequence for e in written if e.drift.exceeds(Decimal("0.004"))]
    assert 0 < len(over) < 60
    assert [sequence for sequence, *_ in warnings(ledger)] == over
    assert [e["sequence"] for e in logs if e["event"] == "clock_drift_detected"] == over


def test_ac4_check_drift_reads_the_ledgers_threshold(ledger: Ledger) -> None:
    appended = write_at(datetime.now(UTC) - timedelta(seconds=60))
    service = TimeAuthorityService()
    found = service.check_drift(appended)
    assert found is not None
    assert found.seconds == warnings(ledger)[0][3]
    registrar().set_threshold(3600)
    assert service.check_drift(appended) is None


def test_ac4_the_default_threshold_is_five_seconds(ledger: Ledger) -> None:
    assert get_threshold("default") == Decimal(5)


SET_THRESHOLD = "UPDATE ledger_config SET drift_threshold_seconds = %s"
NO_THRESHOLD = ["0", "-1", "NaN", "Infinity", "-Infinity", "five", ""]


@pytest.mark.parametrize("value", NO_THRESHOLD)
def test_ac4_no_other_threshold_is_taken_by_python_or_table(ledger: Ledger, value: str) -> None:
    with pytest.raises(LedgerConfigurationError, match="AC4: the drift threshold"):
        registrar().set_threshold(value)
    for role in ("portal_owner", "postgres"):
        with (
            ledger.connect(role) as connection,
            pytest.raises(psycopg.Error, match=r"numeric|an event sets its threshold"),
        ):
            connection.execute(SET_THRESHOLD, [value])
    with ledger.tampering() as superuser, pytest.raises(psycopg.Error, match=r"numeric|check"):
        superuser.execute(SET_THRESHOLD, [value])
    event = submission({"seconds": value}, event_type=THRESHOLD_SET, agent_id=None)
    with pytest.raises(DatabaseError, match=r"numeric|check"):
        writer().write_event(event)
    assert get_threshold("default") == Decimal(5)


def test_ac4_there_is_one_row_of_configuration(ledger: Ledger) -> None:
    with ledger.connect("portal_owner") as owner:
        for statement in (
            "INSERT INTO ledger_config DEFAULT VALUES",
            "INSERT INTO ledger_config VALUES (false)",
        ):
            with pytest.raises(psycopg.IntegrityError, match="ledger_config"):
                owner.execute(statement)


def test_ac4_a_missing_threshold_is_reported_and_nothing_is_written(ledger: Ledger) -> None:
    ledger.tamper("DELETE FROM ledger_config")
    with pytest.raises(LedgerConfigurationError, match="AC4: the drift threshold is missing"):
        get_threshold("default")
    with pytest.raises(LedgerConfigurationError, match="AC4: the drift threshold is missing"):
        ledger.write(1)
    assert ledger.store.get_max_sequence() == OPENING
