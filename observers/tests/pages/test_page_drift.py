"""The drift page: figures by agent, warnings in pages, magnitudes in words."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError

from events.append.services import writer
from events.store.drift import DriftFilter
from events.tests.support.ledger import Ledger, submission
from observers.pages.drift import findings as drift_findings
from observers.pages.drift import views as drift_file
from observers.pages.durations import distance, duration
from observers.tests.support.pages import Reader, sign_in


@pytest.fixture
def reader(ledger: Ledger) -> Reader:
    """Signed in."""
    return Reader(ledger, sign_in())


def write_off(count: int, offset: timedelta, agent_id: str = "agent-7") -> None:
    """Events of a clock that is off."""
    local = datetime.now(UTC) + offset
    batch = [submission(agent_id=agent_id, local_timestamp=local, number=n) for n in range(count)]
    writer().write_events(batch)


def test_says_what_was_looked_at_when_no_clock_drifts(reader: Reader) -> None:
    reader.ledger.write(3)
    assert "No warning in sequences 1 to 6: every clock was within 5 s." in reader.text("/drift/")


def test_figures_by_agent(reader: Reader) -> None:
    write_off(3, timedelta(hours=1))
    write_off(2, timedelta(days=-800), "agent-8")
    lines = reader.get("/drift/").context["findings"].agents
    assert [(each.figures.agent_id, each.figures.warnings, each.direction) for each in lines] == [
        ("agent-8", 2, "behind"),
        ("agent-7", 3, "ahead"),
    ]
    assert [each.figures.worst_sequence for each in lines] == [7, 4]
    assert "2 years" in reader.text("/drift/")


def test_filters_by_agent_and_by_size(reader: Reader) -> None:
    write_off(1, timedelta(minutes=1))
    write_off(1, timedelta(days=1))
    write_off(1, timedelta(days=1), "agent-8")

    def sequences(query: str) -> list[int]:
        return [w.sequence for w in reader.get(f"/drift/?{query}").context["warnings"]]

    assert sequences("") == [6, 5, 4]
    assert sequences("agent_id=agent-8") == [6]
    assert sequences("min_seconds=3600") == [6, 5]
    assert sequences("agent_id=agent-7&min_seconds=3600.5") == [5]
    assert sequences("min_seconds=99999999") == []


@pytest.mark.parametrize("query", ["min_seconds=x", "min_seconds=-1", "after=-1", "before=1.5"])
def test_a_wrong_address_is_explained(reader: Reader, query: str) -> None:
    assert 'class="field-error"' in reader.text(f"/drift/?{query}", status=400)


@pytest.mark.parametrize("direction", ["older", "newer"])
def test_pages_meet_every_warning_once(reader: Reader, direction: str) -> None:
    write_off(120, timedelta(hours=1))
    address = "/drift/" if direction == "older" else "/drift/?after=0"
    seen: list[int] = []
    while address:
        context = reader.get(address).context
        page = [warning.sequence for warning in context["warnings"]]
        seen = seen + page if direction == "older" else page + seen
        onward = getattr(context["page"], direction)
        address = f"/drift/{onward}" if onward else ""
    assert seen == list(range(123, 3, -1))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ("0.0005", "0 s"),
        ("0.25", "0.25 s"),
        ("7", "7 s"),
        ("59.9994", "59.999 s"),
        ("60", "1 min"),
        ("312.4", "5 min 12 s"),
        ("11520", "3 h 12 min"),
        ("86400", "1 day"),
        ("1036800", "12 days"),
        ("37000000", "14 months"),
        ("1795350289.829", "56 years"),
    ],
)
def test_durations_in_words(seconds: str, words: str) -> None:
    assert duration(Decimal(seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (2, "just now"),
        (20, "20 s ago"),
        (200, "3 min ago"),
        (-7300, "in 2 h"),
        (90000, "1 day ago"),
    ],
)
def test_distances_in_words(seconds: int, words: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert distance(now - timedelta(seconds=seconds), now) == words


def test_filters_by_time(reader: Reader) -> None:
    write_off(2, timedelta(hours=1))
    reader.ledger.tamper(
        "UPDATE clock_drift_warnings SET authority_timestamp = '2020-05-01T10:00:00Z', "
        "logged_at = '2020-05-01T10:00:00Z' WHERE id = 1"
    )
    old = "authority_from=2020-05-01T10:00&authority_to=2020-05-01T10:01"
    for query, expected in (("", [5, 4]), (old, [4]), ("authority_from=2020-05-02", [5])):
        context = reader.get(f"/drift/?{query}").context
        assert [warning.sequence for warning in context["warnings"]] == expected
        assert context["findings"].warnings == len(expected)
    assert reader.get("/drift/?authority_to=2020-05-01").context["findings"].window is None


def test_says_over_what_the_figures_are(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift_findings, "WARNINGS", 3)
    write_off(3, timedelta(hours=1))
    write_off(2, timedelta(hours=2), "agent-8")
    assert "Figures over the newest 3 warnings of running clocks" in reader.text("/drift/")
    lines = reader.get("/drift/").context["findings"].agents
    assert [each.figures.warnings for each in lines] == [2, 1]
    monkeypatch.setattr(drift_findings, "WARNINGS", 5)
    assert "Figures over all 5 warnings" in reader.text("/drift/")


def test_a_cell_leads_to_its_events(reader: Reader) -> None:
    reader.ledger.write(2)
    write_off(3, timedelta(hours=2))
    heat = reader.get("/drift/").context["findings"].heat
    (cell,) = heat.cells
    assert (cell.name, cell.ahead, cell.warnings, cell.level) == ("1 to 24 h", True, 3, 5)
    query = (
        f"drifted=true&authority_from={cell.begins:%Y-%m-%dT%H:%M:%S}"
        f"&authority_to={cell.ends:%Y-%m-%dT%H:%M:%S}"
    )
    assert query.replace("&", "&amp;") in reader.text("/drift/")
    listed = [line for line in reader.lines(f"/events/?{query}") if isinstance(line, int)]
    assert listed == [8, 7, 6]


def test_a_clock_that_jumped_is_found(reader: Reader) -> None:
    for offset in (0, 0, 3600, 3601, 0):
        write_off(1, timedelta(seconds=offset))
        write_off(1, timedelta(0), "agent-8")
    steps = reader.get("/drift/").context["findings"].steps
    found = [(s.sequence, s.previous_sequence, s.agent_id, round(s.change_seconds)) for s in steps]
    assert found == [(12, 10, "agent-7", -3601), (8, 6, "agent-7", 3600)]
    assert "jumped" in reader.text("/drift/?agent_id=agent-7")
    assert reader.get("/drift/?agent_id=agent-8").context["findings"].steps == ()


def test_a_stopped_clock_has_not_jumped(reader: Reader) -> None:
    stuck = datetime(1970, 1, 1, tzinfo=UTC)
    for _ in range(3):
        writer().write_events([submission(local_timestamp=stuck)])
    reader.ledger.tamper(
        "UPDATE events SET authority_timestamp = authority_timestamp + sequence * interval '1 h'"
        " WHERE sequence > 3"
    )
    assert reader.get("/drift/").context["findings"].steps == ()


@pytest.mark.parametrize(
    ("table", "column"), [("events", "sequence"), ("appends", "first_sequence")]
)
def test_authority_time_running_backwards_is_found(reader: Reader, table: str, column: str) -> None:
    reader.ledger.write(6)
    assert reader.get("/drift/").context["backwards"].found == ()
    reader.ledger.tamper(
        f"UPDATE {table} SET authority_timestamp = authority_timestamp - interval '1 h' "
        f"WHERE {column} = 7"
    )
    (found,) = reader.get("/drift/").context["backwards"].found
    assert (found.sequence, found.previous_sequence, round(found.seconds)) == (7, 6, 3600)
    assert "own clock ran backwards" in reader.text("/drift/")


def test_downloads_what_is_filtered(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift_file, "FETCH", 3)
    write_off(7, timedelta(hours=1))
    write_off(2, timedelta(days=-9), "agent-8")

    def rows(query: str) -> list[dict[str, str]]:
        response = reader.get(f"/drift/?{query}")
        assert response["Content-Type"].startswith("text/csv")
        return list(csv.DictReader(io.StringIO(response.getvalue().decode())))

    every = rows("format=csv")
    assert [row["sequence"] for row in every] == [str(n) for n in range(4, 13)]
    assert every[8]["direction"] == "behind"
    assert Decimal(every[8]["drift_seconds"]) > 777_599
    assert [row["sequence"] for row in rows("format=csv&agent_id=agent-8")] == ["11", "12"]
    assert [row["sequence"] for row in rows("format=csv&min_seconds=5000")] == ["11", "12"]


def test_a_broken_download_cannot_pass_for_the_whole(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift_file, "FETCH", 2)
    write_off(5, timedelta(hours=1))
    pieces = drift_file.stream_warnings("default", DriftFilter())
    whole = next(pieces) + next(pieces)
    with ledger.connect("postgres") as superuser:
        superuser.execute("REVOKE SELECT ON clock_drift_warnings FROM portal_app")
    whole += next(pieces)
    with pytest.raises(DatabaseError):
        next(pieces)
    with pytest.raises(csv.Error):
        list(csv.reader(io.StringIO(whole.decode()), strict=True))
