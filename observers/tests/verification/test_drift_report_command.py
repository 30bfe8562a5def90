"""`drift_report`: whose clocks were off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from events.append.services import writer
from events.registrar import registrar
from events.tests.support.ledger import Ledger, submission
from observers.tests.support.commands import run


def test_clocks_in_bounds_exit_0(ledger: Ledger) -> None:
    ledger.write(3)
    assert run("drift_report") == (0, "No clock differs by more than 5 s.\n")


def test_agents_are_told_apart_and_the_worst_comes_first(ledger: Ledger) -> None:
    ahead = datetime.now(UTC) + timedelta(minutes=5)
    writer().write_event(submission(agent_id="agent-8", local_timestamp=ahead))
    for _ in range(2):
        stuck = datetime(1970, 1, 1, tzinfo=UTC)
        writer().write_event(submission(agent_id="agent-7", local_timestamp=stuck))
    ran = run("drift_report", "--json")
    assert ran.code == 1
    assert ran.json["warnings"] == 3
    first, second = ran.json["agents"]
    assert (first["agent_id"], first["warnings"], first["ahead"]) == ("agent-7", 2, 0)
    assert float(first["worst_seconds"]) > 50 * 365 * 86400
    assert (second["agent_id"], second["warnings"], second["ahead"]) == ("agent-8", 1, 1)
    text = run("drift_report").text
    assert text.startswith("3 drift warnings above 5 s\n")
    assert "behind" in text


def test_the_threshold_is_the_ledgers_own(ledger: Ledger) -> None:
    registrar().set_threshold(600)
    late = datetime.now(UTC) - timedelta(minutes=5)
    writer().write_event(submission(local_timestamp=late))
    assert run("drift_report") == (0, "No clock differs by more than 600 s.\n")


def test_a_range_of_sequences_is_enough(ledger: Ledger) -> None:
    writer().write_event(submission(local_timestamp=datetime(1970, 1, 1, tzinfo=UTC)))
    ledger.write(2)
    assert run("drift_report", "--end", "4").code == 1
    assert run("drift_report", "--start", "5").code == 0
