"""The log lines about appends: written after the commit, with their context, without payloads or
private keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from django.db import IntegrityError
from structlog.testing import capture_logs

from events.append.services import writer
from events.tests.support.ledger import Ledger, submission

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_an_append_is_one_line(ledger: Ledger) -> None:
    with capture_logs() as logs:
        written = writer().write_events([submission(number=n) for n in range(3)])
    assert logs == [
        {
            "event": "events_appended",
            "log_level": "info",
            "first_sequence": 4,
            "last_sequence": 6,
            "count": 3,
            "content_hash": written[-1].event.content_hash,
        }
    ]


def test_each_drifting_event_has_its_own_line_after_the_append(ledger: Ledger) -> None:
    with capture_logs() as logs:
        writer().write_events([submission(local_timestamp=EPOCH)] * 2 + [submission()])
    assert [line["event"] for line in logs] == [
        "events_appended",
        "clock_drift_detected",
        "clock_drift_detected",
    ]
    assert [line["sequence"] for line in logs[1:]] == [4, 5]


def test_a_repeated_event_is_not_logged_as_appended(ledger: Ledger) -> None:
    same = submission(event_id="0191d7a0-0000-7000-8000-000000000001", local_timestamp=EPOCH)
    writer().write_event(same)
    with capture_logs() as logs:
        writer().write_event(same)
    assert logs == []


def test_a_refused_event_is_not_logged_as_appended(ledger: Ledger) -> None:
    refused = submission(event_type="a\tb", local_timestamp=EPOCH)
    with capture_logs() as logs, pytest.raises(IntegrityError):
        writer().write_event(refused)
    assert logs == []


def test_bound_context_is_in_every_line(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"), caplog.at_level("INFO"):
        writer().write_event(submission(local_timestamp=EPOCH))
    lines: list[Any] = [r.msg for r in caplog.records if r.name.startswith("events.")]
    assert [line["event"] for line in lines] == ["events_appended", "clock_drift_detected"]
    assert [line["request_id"] for line in lines] == ["r-1", "r-1"]
    assert [line["level"] for line in lines] == ["info", "warning"]


def test_payloads_and_keys_are_not_logged(ledger: Ledger, settings: object) -> None:
    secret = "a very private thing"
    with capture_logs() as logs:
        writer().write_event(submission({"secret": secret}, local_timestamp=EPOCH))
    seeds = [path.read_text().strip() for path in settings.PORTAL_KEY_DIR.iterdir()]  # type: ignore[attr-defined]
    assert len(seeds) == 4
    assert not any(word in repr(logs) for word in [secret, *seeds])
