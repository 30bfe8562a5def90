"""More is sent than can be written: 503, a moment to wait, and nothing of it taken."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from events.append.queue import AppendQueue
from events.append.services import writer
from events.tests.support import api
from events.tests.support.ledger import Ledger


@pytest.mark.parametrize(
    ("path", "body"), [("events", api.event()), ("events/batch", [api.event()])]
)
def test_a_full_queue_takes_nothing_and_says_when_to_come_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, path: str, body: object
) -> None:
    caller = api.agent()
    with monkeypatch.context() as replaced, capture_logs() as lines:
        replaced.setattr(
            "events.api.views.shared_writer", lambda: AppendQueue(writer(), max_waiting=0)
        )
        response = caller.post(path, body)
    api.problem(response, 503, "queue-full")
    assert response["Retry-After"] == "1"
    assert [line["log_level"] for line in lines if line["event"] == "request_refused"] == [
        "warning"
    ]
    assert ledger.written() == []
    assert caller.post(path, body).status_code == 201
