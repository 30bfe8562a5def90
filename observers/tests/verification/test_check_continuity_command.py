"""`check_continuity`: what is missing, and what explains it."""

from __future__ import annotations

import pytest

from events.tests.support.ceremonies import document_gap
from events.tests.support.ledger import Ledger
from observers.tests.support.commands import run

COUNTED = "Every number was counted now.\n"


def test_an_empty_ledger_misses_nothing(unopened: Ledger) -> None:
    ran = run("check_continuity", "--json")
    assert ran.code == 0
    assert ran.json == {
        "start": 1,
        "end": 0,
        "is_continuous": True,
        "is_explained": True,
        "missing_count": 0,
        "gap_count": 0,
        "undocumented_gap_count": 0,
        "gaps": [],
        "stray_count": 0,
        "strays": [],
        "looked_since": None,
    }


def test_a_whole_ledger_exits_0(ledger: Ledger) -> None:
    ledger.write(4)
    assert run("check_continuity") == (0, "Sequences 1 to 7: none missing.\n" + COUNTED)


def test_an_unexplained_gap_exits_1_and_is_named(ledger: Ledger) -> None:
    ledger.write(8)
    ledger.tamper("DELETE FROM events WHERE sequence IN (5, 8, 9)")
    ran = run("check_continuity")
    assert ran.code == 1
    assert ran.text.splitlines() == [
        "Sequences 1 to 11: 3 missing in 2 gaps.",
        "  5: not explained",
        "  8 to 9 (2): not explained",
        "INCIDENT: 2 gaps (3 numbers) without explanation.",
        COUNTED.strip(),
    ]


def test_a_cut_tail_is_a_gap_up_to_the_head(ledger: Ledger) -> None:
    ledger.write(6)
    ledger.tamper("DELETE FROM events WHERE sequence > 7")
    assert run("check_continuity", "--json").json["gaps"] == [
        {"start": 8, "end": 9, "count": 2, "documented": False, "ceremony_sequence": None}
    ]


def test_a_documented_gap_exits_0_and_names_its_ceremony(ledger: Ledger) -> None:
    ledger.write(5)
    ledger.tamper("DELETE FROM events WHERE sequence IN (6, 7)")
    document_gap(ledger, 6, 7)
    ran = run("check_continuity")
    assert ran.code == 0
    assert "  6 to 7 (2): documented by event 12" in ran.text
    assert ran.text.endswith("Every gap is documented.\n" + COUNTED)


def test_a_range_is_bounded_by_its_ends(ledger: Ledger) -> None:
    ledger.write(8)
    ledger.tamper("DELETE FROM events WHERE sequence IN (5, 8, 9)")
    ran = run("check_continuity", "--json", "--start", "6", "--end", "8")
    assert [(gap["start"], gap["end"]) for gap in ran.json["gaps"]] == [(8, 8)]
    assert run("check_continuity", "--start", "10").code == 0


@pytest.mark.parametrize("value", ["0", "-1", "one", str(2**63)])
def test_a_start_that_is_not_a_sequence_number_is_refused(ledger: Ledger, value: str) -> None:
    ran = run("check_continuity", f"--start={value}")
    assert ran.code != 0
    assert "sequence number" in ran.text


def test_remembered_says_that_it_is_and_is_of_the_whole_ledger(ledger: Ledger) -> None:
    ledger.write(3)
    ran = run("check_continuity", "--remembered")
    assert ran.code == 0
    assert "From cached counts: every number was last checked after 20" in ran.text
    assert run("check_continuity", "--remembered", "--start=5").code == 2
