"""One event over HTTP, by its place and by its id."""

from __future__ import annotations

import orjson
import pytest

from events.format.event import Event, event_json
from events.tests.support import api
from events.tests.support.ledger import Ledger


def as_answered(event: Event) -> bytes:
    """The event byte for byte as the format writes it, and behind it the ledger's state."""
    return event_json(event)[:-1] + b"," + orjson.dumps(api.RUNNING)[1:]


def test_by_sequence(ledger: Ledger) -> None:
    written = ledger.write(3)
    assert api.observer().get("events/5").content == as_answered(written[1])


@pytest.mark.parametrize("change", [str.lower, str.upper])
def test_by_id(ledger: Ledger, change: object) -> None:
    (written,) = ledger.write(1)
    response = api.observer().get(f"events/by-id/{written.event_id}")
    assert response.content == as_answered(written)


@pytest.mark.parametrize("sequence", [0, 7, 2**63 - 1, 2**63, 10**30])
def test_no_such_sequence(ledger: Ledger, sequence: int) -> None:
    ledger.write(3)
    response = api.observer().get(f"events/{sequence}")
    assert "from 1 to 6" in api.problem(response, 404, "not-found")["detail"]


def test_an_empty_ledger_says_so(unopened: Ledger) -> None:
    response = api.observer().get("events/1")
    assert "empty" in api.problem(response, 404, "not-found")["detail"]


def test_a_missing_sequence_is_called_missing(ledger: Ledger) -> None:
    ledger.write(3)
    ledger.tamper("DELETE FROM events WHERE sequence = 5")
    response = api.observer().get("events/5")
    assert "is missing" in api.problem(response, 404, "not-found")["detail"]


def test_no_such_id(ledger: Ledger) -> None:
    ledger.write(1)
    path = "events/by-id/00000000-0000-0000-0000-000000000000"
    api.problem(api.observer().get(path), 404, "not-found")


@pytest.mark.parametrize("path", ["events/1?x=1", "head?x=1", "keys?start=1"])
def test_a_parameter_that_means_nothing_is_refused(ledger: Ledger, path: str) -> None:
    ledger.write(1)
    detail = api.problem(api.observer().get(path), 400, "invalid-parameter")
    assert len(detail["errors"]) == 1
