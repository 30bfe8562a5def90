"""Every refusal under /api/ is a problem detail."""

from __future__ import annotations

from typing import Any

import pytest

from events.tests.support import api
from events.tests.support.ledger import Ledger


@pytest.mark.parametrize(
    "path",
    ["nothing", "events/", "events/x", "events/-1", "events/by-id/17", "/api/", "/api/v2/events"],
)
def test_an_unknown_address(ledger: Ledger, path: str) -> None:
    api.problem(api.observer().get(path), 404, "not-found")


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options"])
def test_an_unknown_method(ledger: Ledger, method: str) -> None:
    response = api.observer().call(method, "events")
    api.problem(response, 405, "method-not-allowed")
    assert response["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("path", ["head", "keys", "export", "events/1"])
def test_addresses_for_reading_refuse_post(ledger: Ledger, path: str) -> None:
    api.problem(api.agent().post(path, {}), 405, "method-not-allowed")


def test_head_answers_as_get_without_body(ledger: Ledger) -> None:
    response = api.observer().call("head", "events")
    assert (response.status_code, response.content) == (200, b"")


def test_an_answer_that_is_not_accepted(ledger: Ledger) -> None:
    api.problem(api.observer().get("head", Accept="text/html"), 406, "not-acceptable")


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/*", "text/html, */*;q=0.1"]
)
def test_json_is_accepted(ledger: Ledger, accept: str) -> None:
    assert api.observer().get("head", Accept=accept).status_code == 200


def test_a_host_that_is_not_ours(ledger: Ledger, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["portal.example"]
    response = api.observer().get("head", Host="elsewhere.example")
    api.problem(response, 400, "bad-request")
    assert "elsewhere" not in response.content.decode()
