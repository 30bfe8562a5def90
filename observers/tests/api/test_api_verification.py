"""GET /api/v1/verification: every check over a part of the ledger."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from pytest_django import Settings

from events.append.services import writer
from events.store.connection import LedgerUnavailableError
from events.tests.support import api
from events.tests.support.ledger import OPENING, Ledger, submission
from observers.api import export as places
from observers.api import verification
from observers.verification import ledger as ledger_check
from observers.verification.ledger import verify_ledger


def test_an_empty_ledger_is_sound(unopened: Ledger) -> None:
    answer = api.observer().get("verification").json()
    assert (answer["is_sound"], answer["checked"], answer["next"]) == (True, 0, None)


def test_a_sound_ledger(ledger: Ledger) -> None:
    ledger.write(5)
    answer = api.observer().get("verification?start=5&end=7").json()
    assert (answer["is_sound"], answer["checked"], answer["findings"]) == (True, 3, [])
    assert (answer["start"], answer["end"], answer["next"]) == (5, 7, None)


def test_a_finding_names_the_sequence_and_the_check(ledger: Ledger) -> None:
    ledger.write(4)
    ledger.tamper("UPDATE events SET payload = '{\"number\": 9}' WHERE sequence = 6")
    answer = api.observer().get("verification").json()
    assert answer["is_sound"] is False
    (finding,) = answer["findings"]
    assert (finding["sequence"], finding["check"], finding["check_number"]) == (
        6,
        "payload_hash",
        3,
    )
    assert finding["detail"]


def test_the_rest_of_a_long_ledger_is_next(ledger: Ledger) -> None:
    for size in (*[1000] * 9, 999):
        writer().write_events([submission(number=number) for number in range(size)])
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
    assert api.observer().get("verification?start=1&end=10000").json()["checked"] == 4


@pytest.fixture
def sliced(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Nine events, verified two at a time."""
    monkeypatch.setattr(verification, "SLICE", 2)
    ledger.write(9 - OPENING)
    return ledger


def test_an_answer_that_takes_long_begins_with_a_blank_for_each_slice(sliced: Ledger) -> None:
    sliced.tamper("UPDATE events SET payload = '{\"number\": 9}' WHERE sequence = 7")
    at_once = verify_ledger("default")
    answer = api.observer().get("verification")
    content = b"".join(answer.streaming_content)
    assert answer["System-Status"] == "running"
    assert content.startswith(b"    {")
    report = json.loads(content)
    expected = at_once.as_dict() | {"next": None} | api.RUNNING
    assert report | {"seconds": 0} == json.loads(orjson.dumps(expected)) | {"seconds": 0}
    assert report["checked"] == 9
    assert [finding["sequence"] for finding in report["findings"]] == [7]


def test_one_verification_a_caller_and_two_in_all(
    sliced: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = api.observer(), api.observer(), api.observer()
    one = first.get("verification")
    refused = first.get("verification")
    assert api.problem(refused, 503, "too-many-verifications")
    assert refused["Retry-After"] == "5"
    two = second.get("verification")
    assert (one.status_code, two.status_code) == (200, 200)
    assert third.get("verification").status_code == 503
    assert api.whole(one)["checked"] == 9, "to its end"
    two.close()  # the client has left
    assert [places.verifications.held, third.get("verification?end=1").status_code] == [0, 200]
    assert places.verifications.held == 0


def test_a_client_that_has_left_ends_the_work(
    sliced: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[int] = []
    scan = ledger_check.scan

    def noting(using: str, keys: Any, start: int, end: int, **options: Any) -> Any:
        verified.append(start)
        return scan(using, keys, start, end, **options)

    monkeypatch.setattr(ledger_check, "scan", noting)
    answer = api.observer().get("verification")
    next(iter(answer))
    answer.close()
    assert verified == [1], "the server closes what it cannot send"


def test_a_stranger_who_may_read_gets_less_at_once(
    sliced: Ledger, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PORTAL_PUBLIC_READING = True
    monkeypatch.setattr(verification, "MAX_FOR_STRANGERS", 3)
    anybody = api.Caller("")
    answers = list(api.pages(anybody, "verification?start=2&end=9"))
    assert [(a["start"], a["end"], a["checked"]) for a in answers] == [
        (2, 4, 3),
        (5, 7, 3),
        (8, 9, 2),
    ]
    held = anybody.get("verification")
    assert anybody.get("verification").status_code == 503
    assert api.observer().get("verification?end=1").status_code == 200
    held.close()


def test_a_failure_after_the_first_slice_leaves_an_unterminated_answer(
    sliced: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = api.observer().get("verification")

    def away(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailableError("it was killed")

    monkeypatch.setattr(ledger_check, "scan", away)
    pieces = [next(answer.streaming_content), next(answer.streaming_content)]
    with pytest.raises(LedgerUnavailableError):
        next(answer.streaming_content)
    with pytest.raises(json.JSONDecodeError):
        json.loads(b"".join(pieces))
    assert pieces[-1] == verification.BROKEN
    assert places.verifications.held == 0


def test_a_failure_in_the_first_slice_has_an_error_status(
    sliced: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailableError("it was killed")

    monkeypatch.setattr(ledger_check, "scan", away)
    api.problem(api.observer().get("verification"), 503, "database-unavailable")
    assert places.verifications.held == 0
