"""Error pages, also when the database is down."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.db import connections
from django.test import Client

from events.tests.support.ledger import Ledger
from observers.pages import overview
from observers.tests.support.pages import sign_in


@pytest.fixture
def client(ledger: Ledger) -> Client:
    """Signed in; an exception becomes a page, as for a browser."""
    client = sign_in()
    client.raise_request_exception = False
    return client


@pytest.fixture
def database_away(ledger: Ledger, client: Client) -> Iterator[None]:
    """Every alias points at a database that is not there."""
    names = {alias: connections[alias].settings_dict["NAME"] for alias in connections}
    connections.close_all()
    for alias in names:
        connections[alias].settings_dict["NAME"] = "gone"
    yield
    connections.close_all()
    for alias, name in names.items():
        connections[alias].settings_dict["NAME"] = name


def test_an_unknown_address(client: Client) -> None:
    response = client.get("/nowhere")
    assert response.status_code == 404
    assert "There is no such page" in response.content.decode()


@pytest.mark.usefixtures("database_away")
@pytest.mark.parametrize("address", ["/", "/events/", "/drift/", "/admin/"])
def test_a_database_that_is_away(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 503
    assert response["Retry-After"] == "10"
    page = response.content.decode()
    assert "The database cannot be reached" in page
    assert "Traceback" not in page


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Collects the lines of terminal and log, Django's own too."""
    django = logging.getLogger("django.request")
    django.addHandler(caplog.handler)
    yield caplog
    django.removeHandler(caplog.handler)


@pytest.mark.usefixtures("database_away")
@pytest.mark.parametrize("address", ["/", "/login/"])
def test_a_database_that_is_away_is_logged_without_a_traceback(
    client: Client, told: pytest.LogCaptureFixture, address: str
) -> None:
    assert client.get(address).status_code == 503
    assert "request_broke_off" in told.text
    assert f"Service Unavailable: {address}" in told.text
    assert all(not record.exc_info for record in told.records)
    assert "Traceback" not in told.text
    assert "exc_info" not in told.text


def test_a_fault_of_our_own(
    client: Client, told: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(overview, "read_status", fail)
    response = client.get("/")
    assert response.status_code == 500
    page = response.content.decode()
    assert "Something went wrong in the portal" in page
    assert "a secret detail" not in page
    with_traceback = [record.name for record in told.records if record.exc_info]
    assert with_traceback == ["django_structlog.middlewares.request", "django.request"]


def test_a_form_that_is_not_ours(ledger: Ledger) -> None:
    response = Client(enforce_csrf_checks=True).post("/login/", {"username": "x"})
    assert response.status_code == 403
    assert "The form could not be accepted" in response.content.decode()


def test_a_wrong_password_is_reported_without_saying_which_part(ledger: Ledger) -> None:
    response = Client().post("/login/", {"username": "nobody", "password": "wrong"})
    assert response.status_code == 200
    assert 'role="alert"' in response.content.decode()
