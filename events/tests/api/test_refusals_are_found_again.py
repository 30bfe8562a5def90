"""A refused request says why in its log line and in a count, and nothing of what was sent.

The case is cases/logs/20-refusal-not-in-log.txt.
"""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from events.access.recorder import recorder
from events.store import access_log
from events.tests.support import api
from events.tests.support.ledger import Ledger
from events.tests.support.shipping import send


def finished(logs: list[Any]) -> dict[str, Any]:
    """The line of the one request."""
    (line,) = [line for line in logs if line["event"] == "request_finished"]
    found: dict[str, Any] = line
    return found


def test_the_line_of_a_refused_request_has_problem_pointer_and_count(ledger: Ledger) -> None:
    caller = api.agent()
    with capture_logs() as logs:
        caller.post("events/batch", [api.event(), api.event(host="web-1", pid=7)])
    line = finished(logs)
    assert (line["code"], line["problem"], line["errors"]) == (400, "invalid-event", 2)
    assert (line["pointer"], line["index"]) == ("/host", 1)


def test_a_wrong_line_is_named(ledger: Ledger) -> None:
    caller = api.agent()
    with capture_logs() as logs:
        caller.post("events/batch", raw=b"\n,,\n", content_type="application/x-ndjson")
    line = finished(logs)
    assert (line["problem"], line["line"], line["errors"]) == ("malformed-json", 2, 1)


@pytest.mark.parametrize("path", ["/services/collector/event", "/api/v1/ingest", "/v1/logs"])
def test_a_token_in_a_shippers_address_is_in_no_line(ledger: Ledger, path: str) -> None:
    secret = api.issue("--agent", "agent-7")
    with capture_logs() as logs:
        answer = send(f"{path}?token={secret}", b'{"event": 1}', "")
    assert answer.status_code == 401
    assert finished(logs)["request"] == f"POST {path}"
    assert secret not in repr(logs)


def test_an_accepted_request_logs_no_refusal(ledger: Ledger) -> None:
    caller = api.agent()
    with capture_logs() as logs:
        caller.post("events", api.event())
    assert "problem" not in finished(logs)


def test_request_contents_are_in_no_log_line(ledger: Ledger) -> None:
    caller = api.agent()
    secret = "hunter2"
    with capture_logs() as logs:
        caller.post("events", api.event(payload={secret: {secret: "\0"}}))
        caller.post("events", api.event(event_type=f"{secret}\n"))
        caller.post("events", raw=secret.encode())
        caller.post("events/batch", raw=f"[{secret}]".encode())
        caller.post("events", api.event(local_timestamp=secret))
    assert len([line for line in logs if line["event"] == "request_finished"]) == 5
    assert secret not in repr(logs)
    assert "/payload/…" in repr(logs)


@pytest.mark.parametrize("name", ["x" * 1000, "\u202ehost", "my password", "a/b"])
def test_only_known_field_names_are_logged(ledger: Ledger, name: str) -> None:
    caller = api.agent()
    with capture_logs() as logs:
        caller.post("events", api.event(**{name: 1}))
    assert finished(logs)["pointer"] == "/…"
    assert name not in repr(logs)


def test_refusals_are_counted_by_kind(ledger: Ledger) -> None:
    caller = api.agent()
    for _ in range(3):
        caller.post("events", api.event(host="web-1"))
    caller.post("events", raw=b"{")
    api.Caller("f" * 64).get("head")
    assert recorder().flush()
    assert access_log.counted("default") == {
        "invalid-event": 3,
        "malformed-json": 1,
        "unauthenticated": 1,
    }
    caller.post("events", raw=b"{")
    assert recorder().flush()
    assert access_log.counted("default")["malformed-json"] == 2
    scraped = api.Caller("").get("/metrics").content.decode()
    assert 'audit_portal_refusals_total{problem="invalid-event"} 3.0' in scraped
    assert 'audit_portal_refusals_total{problem="halted"} 0.0' in scraped
