"""If the ledger cannot take an event, the caller learns why, and nothing is half done."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.db import connections

from events.append.services import signing_service
from events.registrar import registrar
from events.store import registry
from events.tests.support import api
from events.tests.support.ledger import Ledger

SECRET = "nobody but the log may see this"


@contextmanager
def database_away() -> Iterator[None]:
    """Nothing listens where the application looks for its database."""
    connection = connections["default"]
    connection.close()
    port, connection.settings_dict["PORT"] = connection.settings_dict["PORT"], 1
    try:
        yield
    finally:
        connection.settings_dict["PORT"] = port


def refused(caller: api.Caller, status: int, name: str) -> dict[str, Any]:
    """Both ways of writing are refused alike."""
    response = caller.post("events", api.event())
    detail = api.problem(response, status, name)
    api.problem(caller.post("events/batch", [api.event()]), status, name)
    return detail


def test_a_halted_ledger_takes_nothing(ledger: Ledger) -> None:
    caller = api.agent()
    caller.post("events", api.event())
    api.halt(ledger, "fire in the vault")
    response = caller.post("events", api.event())
    assert "fire in the vault" in api.problem(response, 503, "halted")["detail"]
    assert "Retry-After" not in response
    refused(caller, 503, "halted")
    assert len(ledger.written()) == 1


def test_a_halted_ledger_can_be_read(ledger: Ledger) -> None:
    caller = api.agent()
    caller.post("events", api.event())
    api.halt(ledger)
    assert caller.get("events").json()["events"][0]["sequence"] == 4


def test_a_cut_ledger_takes_nothing(ledger: Ledger) -> None:
    ledger.write(3)
    caller = api.agent()
    ledger.tamper("DELETE FROM events WHERE sequence = 6")
    refused(caller, 503, "head-mismatch")


def test_without_a_witness_nothing_is_accepted(ledger: Ledger) -> None:
    caller = api.agent()
    ledger.tamper("UPDATE witnesses SET active_until = now(), until_sequence = 3")
    assert "RT-1" in refused(caller, 503, "witness-unavailable")["detail"]
    assert ledger.written() == []


def test_an_agent_without_key_can_write_nothing(ledger: Ledger) -> None:
    caller = api.agent()
    registrar().retire_key(registry.active_keys("default", ["agent-7"])["agent-7"])
    refused(caller, 503, "key-unavailable")


def test_a_lost_private_key_is_not_revealed_to_the_caller(ledger: Ledger, settings: Any) -> None:
    caller = api.agent()
    for file in settings.PORTAL_KEY_DIR.glob("agent-7-*"):
        file.unlink()
    signing_service().backend._seeds.clear()  # type: ignore[attr-defined]
    detail = refused(caller, 503, "key-unavailable")
    assert str(settings.PORTAL_KEY_DIR) not in str(detail)


def test_a_database_that_is_away_is_said_to_be(ledger: Ledger) -> None:
    caller = api.agent()
    with database_away():
        response = caller.post("events", api.event())
        detail = api.problem(response, 503, "database-unavailable")
        assert "same event_id" in detail["detail"]
        assert response["Retry-After"] == "5"
        api.problem(caller.get("events"), 503, "database-unavailable")
    assert caller.post("events", api.event()).status_code == 201


@pytest.mark.parametrize("path", ["events", "events/1", "head"])
def test_an_unexpected_error_is_logged_but_not_shown_to_the_caller(
    ledger: Ledger,
    path: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError(SECRET)

    caller = api.observer()
    monkeypatch.setattr("events.store.ledger.fetch_one", broken)
    monkeypatch.setattr("events.store.ledger.fetch_all", broken)
    with caplog.at_level(logging.ERROR):
        response = caller.get(path)
    api.problem(response, 500, "internal-error")
    assert SECRET not in response.content.decode()
    (failed,) = [r for r in caplog.records if "request_failed" in r.getMessage()]
    assert failed.levelno == logging.ERROR
    assert SECRET in str(failed.msg) or SECRET in caplog.text


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_logged_traceback_holds_no_token_and_no_payload(
    ledger: Ledger, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("broken on purpose")

    out = io.StringIO()
    handler = logging.StreamHandler(out)
    described = dict(settings.LOGGING["formatters"][form])
    handler.setFormatter(described.pop("()")(**described))
    caller = api.agent()
    monkeypatch.setattr("events.store.append.PipelinedAppend.send", broken)
    logging.getLogger("events").addHandler(handler)
    try:
        api.problem(caller.post("events", api.event(payload=SECRET)), 500, "internal-error")
    finally:
        logging.getLogger("events").removeHandler(handler)
    assert "broken on purpose" in out.getvalue()
    assert "transaction.py" in out.getvalue()
    assert SECRET not in out.getvalue()
    assert caller.token not in out.getvalue()


def test_neither_payload_nor_token_is_logged(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    caller = api.agent()
    with caplog.at_level(logging.DEBUG):
        caller.post("events", api.event(payload=SECRET))
        caller.post("events", api.event(payload=SECRET, event_type=""))
        caller.post("events", raw=b'{"' + SECRET.encode() + b'":1,"' + SECRET.encode() + b'":2}')
        caller.post("events", api.event(**{SECRET: 1}))
    logged = "".join(str(record.msg) + record.getMessage() for record in caplog.records)
    assert "request_refused" in logged
    assert SECRET not in logged
    assert caller.token not in logged
