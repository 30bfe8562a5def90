"""Imports of old records do not drown the drift of running clocks, wherever it is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from events.append.services import writer
from events.format.canonical import canonicalize
from events.format.drift import DEFAULT_THRESHOLD_SECONDS
from events.store.drift import DriftFilter, list_living_warnings
from events.store.drift_figures import clock_steps, drift_by_agent, figures_by_agent
from events.store.imports import import_spans, list_imports
from events.submission import Submission
from events.tests.support.ledger import Ledger, submission
from observers.tests.support.commands import run
from observers.tests.support.pages import Reader, sign_in


@pytest.fixture
def reader(ledger: Ledger) -> Reader:
    """Signed in."""
    return Reader(ledger, sign_in())


def write_off(count: int, offset: timedelta, agent_id: str = "agent-7") -> tuple[int, int]:
    """Events of a clock that is off; their first and last sequence."""
    moment = datetime.now(UTC) + offset
    batch = [
        submission(agent_id=agent_id, local_timestamp=moment + timedelta(seconds=n * 60), number=n)
        for n in range(count)
    ]
    written = writer().write_events(batch)
    return written[0].event.sequence, written[-1].event.sequence


def record_import(first: int, last: int, agents: list[str] | None, **more: Any) -> int:
    """The record of an import, as `ingest` leaves it; its sequence."""
    payload = {
        "import_id": "00000000-0000-4000-8000-000000000001",
        "outcome": "complete",
        "reason": None,
        "inputs": [{"name": "trail.json.gz", "source": "trail.json", "added": last - first + 1}],
        "options": {},
        "first_sequence": first,
        "last_sequence": last,
        "agents": agents,
        "local_time": ["eventTime"],
    } | more
    text = canonicalize(payload)
    record = Submission("system.import_finished", text, agent_id=None)
    return writer().write_event(record).event.sequence


def old_records(agent_id: str = "agent-8", count: int = 20) -> int:
    """An import of three years ago."""
    first, last = write_off(count, timedelta(days=-1100), agent_id)
    return record_import(first, last, [agent_id])


def test_the_page_shows_running_clocks_first_and_imports_apart(reader: Reader) -> None:
    write_off(2, timedelta(hours=1))
    recorded = old_records()
    context = reader.get("/drift/").context
    assert [(a.figures.agent_id, a.figures.warnings) for a in context["findings"].agents] == [
        ("agent-7", 2)
    ]
    assert [warning.sequence for warning in context["warnings"]] == [5, 4]
    assert [(i.record.sequence, i.warnings) for i in context["findings"].imports] == [
        (recorded, 20)
    ]
    text = reader.text("/drift/")
    assert "all 2 warnings of running clocks" in text
    assert "20 warnings are about events of 1 import" in text
    assert "trail.json" in text
    too = reader.get("/drift/?imports=too").context
    assert [warning.sequence for warning in too["warnings"]] == list(range(25, 3, -1))


def test_a_ledger_whose_only_drift_is_of_imports_says_so(reader: Reader) -> None:
    old_records()
    text = reader.text("/drift/")
    assert "No warning in sequences 1 to 24 but those of imports" in text
    assert "None." in text


def test_an_agent_that_is_not_the_imports_is_a_running_clock(ledger: Ledger) -> None:
    first, _ = write_off(3, timedelta(days=-900), "agent-8")
    write_off(2, timedelta(hours=1))  # while the import ran
    _, last = write_off(3, timedelta(days=-900), "agent-8")
    record_import(first, last, ["agent-8"])
    write_off(1, timedelta(hours=-2), "agent-8")  # its clock, later
    agents = drift_by_agent("default", import_spans("default"))
    assert {(each.agent_id, each.warnings) for each in agents} == {("agent-7", 2), ("agent-8", 1)}


def test_an_import_of_more_agents_than_are_named_covers_any(ledger: Ledger) -> None:
    first, _ = write_off(3, timedelta(days=-900), "agent-8")
    _, last = write_off(3, timedelta(days=-900))
    record_import(first, last, None)
    record_import(first, first, ["agent-7"])
    assert drift_by_agent("default", import_spans("default")) == []


def test_an_import_that_added_nothing_or_says_nonsense_covers_nothing(ledger: Ledger) -> None:
    first, last = write_off(2, timedelta(hours=1))
    record_import(first, last, None, first_sequence=None, last_sequence=None)
    record_import(first, last, None, first_sequence=last, last_sequence=first)
    record_import(first, last, None, first_sequence="one", inputs="none")
    record_import(first, last, None, first_sequence=10**19)
    assert list_imports("default") == []
    writer().write_event(submission({"first_sequence": 1, "last_sequence": 9}, event_type="x"))
    assert len(drift_by_agent("default", import_spans("default"))) == 1


def test_the_times_of_old_records_are_not_clock_jumps(ledger: Ledger) -> None:
    ledger.write(2)
    old_records("agent-7")
    ledger.write(2)
    found = clock_steps(
        "default",
        1,
        99,
        import_spans("default"),
        agent_id=None,
        threshold=DEFAULT_THRESHOLD_SECONDS,
        each=5,
    )
    assert found == []


def test_pages_of_running_clocks_meet_every_warning_once(ledger: Ledger) -> None:
    expected: list[int] = []
    for _ in range(4):
        first, last = write_off(3, timedelta(hours=1))
        expected += range(first, last + 1)
        old_records()
    spans, chosen = import_spans("default"), DriftFilter()
    down: list[int] = []
    before = None
    while page := list_living_warnings("default", chosen, spans, before=before, limit=5):
        down += [warning.sequence for warning in page]
        before = page[-1].id
    up: list[int] = []
    after = 0
    while page := list_living_warnings("default", chosen, spans, after=after, limit=5):
        up += [warning.sequence for warning in page]
        after = page[-1].id
    assert up == expected
    assert down == expected[::-1]


def test_figures_are_over_all_warnings_of_running_clocks(ledger: Ledger) -> None:
    write_off(1, timedelta(days=5))
    for _ in range(3):
        old_records(count=50)
    window, agents = figures_by_agent("default", DriftFilter(), import_spans("default"), most=5)
    assert window is not None
    assert (window.warnings, window.cut, agents[0].first_sequence) == (1, False, 4)


def test_the_report_counts_imports_apart_and_finds_nothing_in_them(ledger: Ledger) -> None:
    recorded = old_records()
    ran = run("drift_report", "--json")
    assert (ran.code, ran.json["warnings"], ran.json["import_warnings"]) == (0, 0, 20)
    (one,) = ran.json["imports"]
    assert (one["sequence"], one["warnings"], one["sources"]) == (recorded, 20, ["trail.json"])
    write_off(1, timedelta(hours=1))
    ran = run("drift_report")
    assert ran.code == 1
    lines = ran.text.splitlines()
    assert lines[0] == "1 drift warnings above 5 s"
    assert lines[-2].startswith("20 more come from imports")
    assert "20 of trail.json, sequences 4 to 23, event 24" in lines[-1]
    assert run("drift_report", "--end", "8", "--json").json["import_warnings"] == 5


def test_overview_and_metrics_tell_them_apart(reader: Reader) -> None:
    write_off(2, timedelta(hours=1))
    old_records()
    context = reader.get("/").context
    for recent in (context["last_hour"], context["last_day"]):
        assert (recent.clocks, recent.imports) == (2, 20)
    assert "20 more of imports" in reader.text("/")
    figures = Client().get("/metrics").content.decode()
    for window in ("1h", "24h"):
        name = "audit_portal_drift_warnings_by_origin"
        assert f'{name}{{origin="clock",window="{window}"}} 2.0' in figures
        assert f'{name}{{origin="import",window="{window}"}} 20.0' in figures
        assert f'audit_portal_drift_warnings{{window="{window}"}} 22.0' in figures
