"""GET /api/v1/drift-warnings: events whose two clocks differ, page by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from events.append.services import writer
from events.tests.support import api
from events.tests.support.ledger import Ledger, submission


@pytest.fixture
def drifting(ledger: Ledger) -> Ledger:
    """4 is on time; 5, 6 and 7 are an hour behind, a day ahead, and in 1970."""
    now = datetime.now(UTC)
    moments = [
        now,
        now - timedelta(hours=1),
        now + timedelta(days=1),
        datetime(1970, 1, 1, tzinfo=UTC),
    ]
    for number, moment in enumerate(moments):
        agent = "agent-8" if number == 2 else "agent-7"
        writer().write_event(submission(number=number, agent_id=agent, local_timestamp=moment))
    return ledger


def found(query: str) -> list[int]:
    return [w["sequence"] for w in api.observer().get(f"drift-warnings{query}").json()["warnings"]]


def test_a_warning_says_all_that_is_known(drifting: Ledger) -> None:
    caller = api.observer()
    warning = caller.get("drift-warnings").json()["warnings"][1]
    event = caller.get("events/6").json()
    for name in ("event_id", "event_type", "agent_id", "local_timestamp", "authority_timestamp"):
        assert warning[name] == event[name]
    assert (warning["sequence"], warning["direction"]) == (6, "ahead")


def test_seconds_are_exact(drifting: Ledger) -> None:
    response = api.observer().get("drift-warnings")
    (stored,) = ledger_seconds(drifting, 7)
    assert f'"drift_seconds":{stored},'.encode() in response.content
    assert orjson.loads(response.content)["warnings"][2]["drift_seconds"] > 50 * 365 * 86400


def ledger_seconds(ledger: Ledger, sequence: int) -> list[Decimal]:
    rows: list[Any] = ledger.query(
        "SELECT w.drift_seconds FROM clock_drift_warnings w JOIN events e USING (event_id)"
        " WHERE e.sequence = %s",
        [sequence],
    )
    return [row[0] for row in rows]


FILTERS = {
    "": [5, 6, 7],
    "?agent_id=agent-7": [5, 7],
    "?min_seconds=86000": [6, 7],
    "?min_seconds=86000.5&agent_id=agent-7": [7],
    "?after=1": [6, 7],
    "?after=3": [],
    "?authority_from=2100-01-01T00:00:00Z": [],
    "?authority_to=2100-01-01T00:00:00Z": [5, 6, 7],
}


@pytest.mark.parametrize("query", FILTERS)
def test_a_filter(drifting: Ledger, query: str) -> None:
    assert found(query) == FILTERS[query]


def test_the_time_filter_is_half_open(drifting: Ledger) -> None:
    third = quote(api.observer().get("events/6").json()["authority_timestamp"])
    assert found(f"?authority_from={third}") == [6, 7]
    assert found(f"?authority_to={third}") == [5]


def test_pages_lead_to_the_end_with_every_filter(drifting: Ledger) -> None:
    walked = list(
        api.pages(api.observer(), "drift-warnings?limit=1&min_seconds=5&agent_id=agent-7")
    )
    assert [[w["sequence"] for w in page["warnings"]] for page in walked] == [[5], [7]]


@pytest.mark.parametrize(
    "query",
    ["after=-1", "limit=1001", "min_seconds=-1", "min_seconds=1e3", "min_seconds=NaN", "start=1"],
)
def test_a_wrong_parameter_is_refused(ledger: Ledger, query: str) -> None:
    api.problem(api.observer().get(f"drift-warnings?{query}"), 400, "invalid-parameter")
