"""The names under which lines are sent, and hints for bodies that a batch is not.

Cases from cases/logs/19-http-bodies.md.
"""

from __future__ import annotations

import json

import pytest

from events.api.bodies import LINES
from events.tests.support import api
from events.tests.support.ledger import Ledger

ONE = json.dumps(api.event()).encode()
TWO_LINES = ONE + b"\n" + ONE


@pytest.mark.parametrize("media_type", LINES)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_lines_are_taken_by_every_usual_name(ledger: Ledger, media_type: str, mark: bytes) -> None:
    response = api.agent().post("events/batch", raw=mark + TWO_LINES, content_type=media_type)
    assert response.json()["created"] == 2


HINTS = {
    "lines as application/json": ("application/json", TWO_LINES, "application/x-ndjson"),
    "one event": ("application/json", ONE, "/api/v1/events"),
    "objects with nothing between": (LINES[0], ONE + ONE, "one event on each line"),
    "large lines as application/json": (
        "application/json",
        (json.dumps(api.event(payload=list(range(300_000)))).encode() + b"\n") * 2,
        "application/x-ndjson",
    ),
}


@pytest.mark.parametrize("name", HINTS)
def test_a_body_that_is_not_a_batch_is_refused_with_a_hint(ledger: Ledger, name: str) -> None:
    media_type, sent, hint = HINTS[name]
    response = api.agent().post("events/batch", raw=sent, content_type=media_type)
    assert response.status_code == 400
    detail = response.json()["detail"]
    assert hint in detail
    assert "/api/v1/ingest" in detail
    assert ledger.written() == []
