"""An error page shows the request id under which the log has the cause."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import User
from django.template.base import Template
from django.test import Client

from events.tests.support import api
from events.tests.support.ledger import Ledger
from observers.api import views

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PAGES = ["/login/", "/account/", "/admin/"]


def breaks(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("a fault of ours")


def with_traceback(caplog: pytest.LogCaptureFixture) -> set[str]:
    """The ids on the lines that say what was wrong."""
    lines = [record.msg for record in caplog.records if record.levelname == "ERROR"]
    return {line["request_id"] for line in lines if isinstance(line, dict) and "exc_info" in line}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_that_breaks_names_the_request_as_the_log_does(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root"))
    monkeypatch.setattr("django.template.base.Template.render", breaks_once())
    answer = client.get(path)
    assert answer.status_code == 500
    (shown,) = set(UUID.findall(answer.content.decode()))
    assert shown in with_traceback(caplog)


def breaks_once() -> Any:
    """The first page breaks; the page that says so is rendered."""
    render = Template.render
    broken: list[bool] = []

    def rendered(self: Template, *args: Any, **kwargs: Any) -> Any:
        if not broken:
            broken.append(True)
            breaks()
        return render(self, *args, **kwargs)

    return rendered


def test_an_error_before_the_view_also_has_a_request_id(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(AuthenticationMiddleware, "process_request", breaks)
    answer = Client(raise_request_exception=False).get("/login/")
    assert answer.status_code == 500
    (shown,) = set(UUID.findall(answer.content.decode()))
    assert shown in with_traceback(caplog)


def test_a_problem_of_ours_names_the_request_as_the_log_does(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(views, "find_ends", breaks)
    problem = api.problem(api.observer().get("events"), 500, "internal-error")
    assert problem["request_id"] in with_traceback(caplog)
    assert "ZeroDivision" not in str(problem)


def test_an_id_of_the_clients_is_not_taken(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "find_ends", breaks)
    sent = {"X-Request-Id": "mine", "Portal.Request-Id": "mine"}
    problem = api.problem(api.observer().get("events", **sent), 500, "internal-error")
    assert UUID.fullmatch(problem["request_id"])


def test_other_refusals_have_none(ledger: Ledger) -> None:
    assert "request_id" not in api.problem(api.observer().get("nowhere"), 404, "not-found")
