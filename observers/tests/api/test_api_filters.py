"""The filters that a range and an export share: the system's events, and a field of the payload."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from events.append.services import writer
from events.store import search as search_module
from events.tests.support import api
from events.tests.support.ledger import Ledger, submission
from observers.api import paging

PAYLOADS: list[Any] = [
    {"user": {"id": 42, "name": "Zoë"}, "ok": True},
    {"user": {"id": "42"}, "ok": None},
    {"user": {"id": 2**64 - 1}, "a.b": {"\\": "x"}},
    {"user": {"id": 2**64 - 2}, "items": [{"n": 1}, {"n": 2}]},
    {"user": {"id": -(2**63)}, "": "empty key", "n": 1.5, "big": 1e22},
    "a text alone",
]


@pytest.fixture
def varied(ledger: Ledger) -> Ledger:
    """Six events from 4 on, the last of the system."""
    writer().write_events([submission(payload) for payload in PAYLOADS[:-1]])
    writer().write_event(submission(PAYLOADS[-1], agent_id=None))
    return ledger


def found(**query: str) -> list[int]:
    """Asks the range, and compares the export with it."""
    page = api.observer().get("events?" + urlencode(query))
    assert page.status_code == 200, page.content
    exported = api.observer().get("export?" + urlencode(query))
    lines = b"".join(exported.streaming_content).splitlines()
    numbers = [event["sequence"] for event in page.json()["events"]]
    assert [json.loads(line)["sequence"] for line in lines] == numbers
    assert "-filtered.jsonl" in exported["Content-Disposition"]
    return numbers


FIELDS = {
    "a number": ("user.id", "42", [4]),
    "a number written otherwise": ("user.id", "42.0", [4]),
    "a text in quotes": ("user.id", '"42"', [5]),
    "a text without quotes": ("user.name", "Zoë", [4]),
    "the largest integer": ("user.id", str(2**64 - 1), [6]),
    "one below it": ("user.id", str(2**64 - 2), [7]),
    "the smallest integer": ("user.id", str(-(2**63)), [8]),
    "a double": ("n", "1.5", [8]),
    "a large double": ("big", "1e22", [8]),
    "a truth value": ("ok", "true", [4]),
    "null, which is not absence": ("ok", "null", [5]),
    "an object": ("user", '{"name": "Zoë", "id": 42}', [4]),
    "a part of an object": ("user", '{"id": 42}', []),
    "a key with a dot and a backslash": (r"a\.b.\\", "x", [6]),
    "the same without escapes": ("a.b", "x", []),
    "an array by index": ("items.1.n", "2", [7]),
    "an array from its end": ("items.-1.n", "2", [7]),
    "an empty key": (".", "x", []),
    "what would be SQL": ("user.id'", "' OR true --", []),
    "what only Python calls JSON": ("user.id", "NaN", []),
}


@pytest.mark.parametrize(("path", "value", "expected"), FIELDS.values(), ids=FIELDS.keys())
def test_a_payload_field_equals(varied: Ledger, path: str, value: str, expected: list[int]) -> None:
    assert found(payload_field=path, payload_value=value) == expected


def test_the_systems_own_events(varied: Ledger) -> None:
    assert found(system="true") == [1, 2, 3, 9]
    assert found(system="false") == [4, 5, 6, 7, 8]
    assert found(system="false", agent_id="agent-7") == [4, 5, 6, 7, 8]


REFUSED = {
    "a field without a value": ({"payload_field": "a"}, "payload_value"),
    "a value without a field": ({"payload_value": "1"}, "payload_field"),
    "an empty value": ({"payload_field": "a", "payload_value": ""}, "payload_value"),
    "an integer that no payload holds": (
        {"payload_field": "a", "payload_value": str(2**64)},
        "payload_value",
    ),
    "a key that appears twice": (
        {"payload_field": "a", "payload_value": '{"a":1,"a":2}'},
        "payload_value",
    ),
    "a null character": ({"payload_field": "a\0", "payload_value": "1"}, "payload_field"),
    "nested too deep": (
        {"payload_field": "a", "payload_value": "[" * 400 + "]" * 400},
        "payload_value",
    ),
    "a loose backslash": ({"payload_field": "a\\x", "payload_value": "1"}, "payload_field"),
    "the system as an agent": ({"system": "true", "agent_id": "agent-7"}, "system"),
    "neither true nor false": ({"system": "yes"}, "system"),
}


@pytest.mark.parametrize("address", ["events", "export"])
@pytest.mark.parametrize(("query", "parameter"), REFUSED.values(), ids=REFUSED.keys())
def test_an_invalid_parameter_is_refused_by_name(
    ledger: Ledger, address: str, query: dict[str, str], parameter: str
) -> None:
    problem = api.problem(
        api.observer().get(f"{address}?{urlencode(query)}"), 400, "invalid-parameter"
    )
    assert parameter in [error["parameter"] for error in problem["errors"]]


def test_a_page_ends_when_its_time_is_over_and_says_where(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Followed by `next`, the whole range is met, and no gap is lost."""
    writer().write_events([submission(number=number) for number in range(40)])
    ledger.tamper("DELETE FROM events WHERE sequence = 17")
    monkeypatch.setattr(paging, "MAX_SECONDS", 0.0)
    monkeypatch.setattr(search_module, "SMALLEST", 10)
    monkeypatch.setattr(search_module, "FIRST", 10)
    address: str | None = "/api/v1/events?payload_field=number&payload_value=35"
    events, ends, gaps = [], [], []
    while address:
        page = api.observer().get(address.removeprefix("/api/v1/")).json()
        events += [event["sequence"] for event in page["events"]]
        ends.append(page["completeness"]["end"])
        gaps += [gap["start"] for gap in page["completeness"]["gaps"]]
        address = page["next"]
    assert (events, ends, gaps) == ([39], [10, 20, 30, 40, 43], [17])


ALIKE = {
    "a number": ("user.id", "42", [4, 5]),
    "a number written otherwise is another text": ("user.id", "42.0", [4]),
    "a text": ("user.id", '"42"', [5]),
    "a word": ("ok", "true", [4]),
}


@pytest.mark.parametrize(("path", "value", "expected"), ALIKE.values(), ids=ALIKE.keys())
def test_with_payload_alike_a_number_also_matches_as_text(
    varied: Ledger, path: str, value: str, expected: list[int]
) -> None:
    asked = {"payload_field": path, "payload_value": value}
    assert found(**asked, payload_alike="true") == expected
    assert found(**asked, payload_alike="false") == found(**asked)
    assert api.observer().get("events?payload_alike=true").status_code == 400
