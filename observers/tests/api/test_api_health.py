"""/healthz, /readyz, /metrics: without a token, and true when things are broken."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from events.tests.api.test_api_unavailable import database_away
from events.tests.support import api
from events.tests.support.ledger import Ledger

CHECKS = ("database", "writes", "lock", "halt", "head")


def get(path: str) -> Any:
    return Client().get(path)


def samples() -> dict[str, float]:
    response = get("/metrics")
    assert response.status_code == 200
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def readiness() -> tuple[int, dict[str, str]]:
    response = get("/readyz")
    assert response["Cache-Control"] == "no-store"
    return response.status_code, response.json()["checks"]


def test_alive_whatever_the_database_does(ledger: Ledger) -> None:
    with database_away():
        response = get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


def test_ready(ledger: Ledger) -> None:
    ledger.write(3)
    assert readiness() == (200, dict.fromkeys(CHECKS, "ok"))


def test_ready_without_any_event(unopened: Ledger) -> None:
    assert readiness() == (200, dict.fromkeys(CHECKS, "ok"))


def test_not_ready_without_database(ledger: Ledger) -> None:
    with database_away():
        assert readiness() == (503, dict.fromkeys(CHECKS, "unknown") | {"database": "failed"})


def test_not_ready_when_halted(ledger: Ledger) -> None:
    api.halt(ledger)
    assert readiness() == (503, dict.fromkeys(CHECKS, "ok") | {"halt": "failed"})


TAMPERINGS = {
    "the tail is cut": "DELETE FROM events WHERE sequence = 6",
    "everything is cut": "DELETE FROM events",
    "an event beyond the head": "DELETE FROM appends WHERE last_sequence = 6",
    "the last event is changed": "UPDATE events SET content_hash = prev_hash WHERE sequence = 6",
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_not_ready_when_the_tail_is_not_the_head(ledger: Ledger, name: str) -> None:
    ledger.write(3)
    ledger.tamper(TAMPERINGS[name])
    assert readiness() == (503, dict.fromkeys(CHECKS, "ok") | {"head": "failed"})
    assert samples()["audit_portal_ready"] == 0


def test_not_ready_when_the_halt_state_is_gone(ledger: Ledger) -> None:
    ledger.tamper("DELETE FROM halt_state")
    assert readiness() == (503, dict.fromkeys(CHECKS, "ok") | {"halt": "failed"})


def test_the_figures(ledger: Ledger) -> None:
    ledger.write(2)
    api.agent().post("events", api.event(local_timestamp="1970-01-01T00:00:00Z"))
    found = samples()
    assert found["audit_portal_ready"] == 1
    assert found["audit_portal_halted"] == 0
    assert found["audit_portal_database_up"] == 1
    assert found["audit_portal_events_total"] == 6
    assert found["audit_portal_head_sequence"] == 6
    assert found["audit_portal_tail_sequence"] == 6
    assert found["audit_portal_missing_sequences"] == 0
    assert found["audit_portal_drift_warnings1h"] == 1
    assert found["audit_portal_drift_warnings24h"] == 1
    assert found["audit_portal_head_timestamp_seconds"] > 1.7e9


def test_the_figures_of_a_halted_and_cut_ledger(ledger: Ledger) -> None:
    ledger.write(3)
    ledger.tamper("DELETE FROM events WHERE sequence = 6")
    api.halt(ledger)
    found = samples()
    assert (found["audit_portal_halted"], found["audit_portal_ready"]) == (1, 0)
    assert (found["audit_portal_head_sequence"], found["audit_portal_tail_sequence"]) == (6, 5)


def test_the_figures_of_an_empty_ledger(unopened: Ledger) -> None:
    found = samples()
    assert found["audit_portal_head_sequence"] == 0
    assert "audit_portal_head_timestamp_seconds" not in found


def test_without_database_the_figures_say_so(ledger: Ledger) -> None:
    with database_away():
        found = samples()
    assert found == {
        "audit_portal_ready": 0,
        "audit_portal_halted": 0,
        "audit_portal_database_up": 0,
    }


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_they_only_read(ledger: Ledger, path: str) -> None:
    assert Client().post(path).status_code == 405
