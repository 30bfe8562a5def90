"""GET /api/v1/continuity: what is missing, as ranges, with what explains it."""

from __future__ import annotations

import pytest

from events.append.services import writer
from events.tests.support import api
from events.tests.support.ceremonies import document_gap
from events.tests.support.ledger import Ledger, submission


def test_an_empty_ledger_is_continuous(unopened: Ledger) -> None:
    answer = api.observer().get("continuity").json()
    assert answer == {
        "start": 1,
        "end": 0,
        "head_sequence": 0,
        "is_continuous": True,
        "is_explained": True,
        "missing_count": 0,
        "gap_count": 0,
        "undocumented_gap_count": 0,
        "gaps": [],
        "stray_count": 0,
        "strays": [],
        "replica": None,
        "next": None,
        **api.RUNNING,
    }


def test_gaps_are_ranges(ledger: Ledger) -> None:
    ledger.write(9)
    ledger.tamper("DELETE FROM events WHERE sequence IN (1, 4, 5, 12)")
    answer = api.observer().get("continuity").json()
    assert [(gap["start"], gap["end"], gap["count"]) for gap in answer["gaps"]] == [
        (1, 1, 1),
        (4, 5, 2),
        (12, 12, 1),
    ]
    assert (answer["is_continuous"], answer["missing_count"]) == (False, 4)
    assert (answer["end"], answer["head_sequence"]) == (12, 12)


def test_a_documented_gap_is_missing_but_explained(ledger: Ledger) -> None:
    ledger.write(4)
    ledger.tamper("DELETE FROM events WHERE sequence BETWEEN 5 AND 6")
    ceremony = document_gap(ledger, 5, 6).sequence
    answer = api.observer().get("continuity?start=6").json()
    assert answer["gaps"] == [
        {"start": 6, "end": 6, "count": 1, "documented": True, "ceremony_sequence": ceremony}
    ]
    assert (answer["is_continuous"], answer["is_explained"]) == (False, True)


SPANS = {"start=3": (3, 12), "end=2": (1, 2), "start=2&end=4": (2, 4), "end=99": (1, 12)}


@pytest.mark.parametrize("query", SPANS)
def test_numbers_beyond_the_head_are_not_missing(ledger: Ledger, query: str) -> None:
    ledger.write(9)
    answer = api.observer().get(f"continuity?{query}").json()
    assert (answer["start"], answer["end"]) == SPANS[query]
    assert answer["is_continuous"] is True


def test_pages_lead_to_every_gap(ledger: Ledger) -> None:
    writer().write_events([submission(number=number) for number in range(2500)])
    ledger.tamper("DELETE FROM events WHERE sequence % 2 = 0 AND sequence < 2500")
    walked = list(api.pages(api.observer(), "continuity?start=3"))
    assert [len(page["gaps"]) for page in walked] == [1000, 248]
    assert walked[0]["gap_count"] == walked[0]["missing_count"] == 1248
    starts = [gap["start"] for page in walked for gap in page["gaps"]]
    assert starts == list(range(4, 2500, 2))


@pytest.mark.parametrize("query", ["start=0", "start=3&end=2", "after=1", "end=x"])
def test_a_wrong_parameter_is_refused(ledger: Ledger, query: str) -> None:
    api.problem(api.observer().get(f"continuity?{query}"), 400, "invalid-parameter")
