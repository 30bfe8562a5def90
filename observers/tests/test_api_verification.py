"""GET /api/v1/verification: every check over a part of the ledger."""

from __future__ import annotations

import pytest

from events.composition import writer
from events.tests import api
from events.tests.ledger import Ledger, submission


def test_an_empty_ledger_is_sound(ledger: Ledger) -> None:
    answer = api.observer().get("verification").json()
    assert (answer["is_sound"], answer["checked"], answer["next"]) == (True, 0, None)


def test_a_sound_ledger(ledger: Ledger) -> None:
    ledger.write(5)
    answer = api.observer().get("verification?start=2&end=4").json()
    assert (answer["is_sound"], answer["checked"], answer["findings"]) == (True, 3, [])
    assert (answer["start"], answer["end"], answer["next"]) == (2, 4, None)


def test_a_finding_names_the_sequence_and_the_check(ledger: Ledger) -> None:
    ledger.write(4)
    ledger.tamper("UPDATE events SET payload = '{\"number\": 9}' WHERE sequence = 3")
    answer = api.observer().get("verification").json()
    assert answer["is_sound"] is False
    (finding,) = answer["findings"]
    assert (finding["sequence"], finding["check"], finding["check_number"]) == (
        3,
        "payload_hash",
        3,
    )
    assert finding["detail"]


def test_the_rest_of_a_long_ledger_is_next(ledger: Ledger) -> None:
    for start in range(0, 10_002, 1000):
        writer().write_events(
            [submission(number=number) for number in range(start, min(start + 1000, 10_002))]
        )
    walked = list(api.pages(api.observer(), "verification"))
    assert [(page["start"], page["end"], page["checked"]) for page in walked] == [
        (1, 10_000, 10_000),
        (10_001, 10_002, 2),
    ]
    assert all(page["is_sound"] for page in walked)


@pytest.mark.parametrize("query", ["end=10001", "start=5&end=10005", "start=2&end=1", "limit=5"])
def test_a_wrong_parameter_is_refused(ledger: Ledger, query: str) -> None:
    api.problem(api.observer().get(f"verification?{query}"), 400, "invalid-parameter")


def test_10000_sequences_may_be_asked_for(ledger: Ledger) -> None:
    ledger.write(1)
    assert api.observer().get("verification?start=1&end=10000").json()["checked"] == 1
