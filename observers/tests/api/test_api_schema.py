"""The OpenAPI description: valid, complete, and of the same fields as the code."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from events import submission
from events.api.problems import PROBLEMS
from events.api.schema import SENT, STORED, EventToSend, StoredEvent
from events.format.event import FIELDS
from events.tests.support import api
from events.tests.support.ledger import Ledger
from observers.api.parameters import RangeParameters
from observers.tests.support.pages import sign_in


@pytest.fixture(scope="module")
def schema() -> Any:
    out = io.StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=out, skip_checks=True)
    return yaml.safe_load(out.getvalue())


def addresses(patterns: list[Any], prefix: str = "/") -> set[str]:
    found: set[str] = set()
    for entry in patterns:
        place = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            found |= addresses(entry.url_patterns, place)
        elif isinstance(entry, URLPattern):
            found.add(re.sub(r"<\w+:(\w+)>", r"{\1}", place))
    return found


def test_it_is_openapi_3_1(schema: Any) -> None:
    assert schema["openapi"].startswith("3.1")


def test_every_address_is_described(schema: Any) -> None:
    routed = {
        each for each in addresses(get_resolver().url_patterns) if each.startswith("/api/v1/")
    }
    assert set(schema["paths"]) == routed
    assert len(routed) == 13


def test_the_schema_of_requests_has_the_validated_fields() -> None:
    assert tuple(EventToSend().get_fields()) == submission.FIELDS
    assert {*SENT, *submission.SIGNED} == set(submission.FIELDS)
    submission.validate(SENT, agent_id="agent-7")


def test_answers_have_the_fields_of_an_event() -> None:
    assert tuple(StoredEvent().get_fields()) == FIELDS
    assert tuple(STORED) == FIELDS


def test_the_required_fields_are_those_that_are_refused_when_missing(schema: Any) -> None:
    required = schema["components"]["schemas"]["EventToSend"]["required"]
    assert set(required) == {"event_type", "payload", "local_timestamp"}


def test_every_parameter_of_a_range_is_described(schema: Any) -> None:
    described = {p["name"] for p in schema["paths"]["/api/v1/events"]["get"]["parameters"]}
    assert described == set(RangeParameters().get_fields())


def test_every_problem_is_described(schema: Any) -> None:
    described = schema["components"]["schemas"]["ProblemDetail"]["properties"]["type"]
    known = described.get("enum") or schema["components"]["schemas"]["TypeEnum"]["enum"]
    assert known == [problem.type for problem in PROBLEMS]


def test_refusals_are_problem_details(schema: Any) -> None:
    for methods in schema["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                if not status.startswith("2"):
                    assert list(response["content"]) == ["application/problem+json"]
            assert {"401", "503"} <= set(operation["responses"])


def test_writing_takes_a_token_and_reading_a_session_too(schema: Any) -> None:
    assert schema["components"]["securitySchemes"]["bearerToken"]["scheme"] == "bearer"
    events = schema["paths"]["/api/v1/events"]
    assert events["post"]["security"] == [{"bearerToken": []}]
    assert events["get"]["security"] == [{"bearerToken": []}, {"readerSession": []}]


ACCEPTED = {
    "*/*": b"openapi: 3.1",
    "application/json": b'{"openapi":"3.1',
    "application/vnd.oai.openapi+json": b'{"openapi":"3.1',
}


@pytest.mark.parametrize("accept", ACCEPTED)
def test_the_schema_is_served_without_a_token(ledger: Ledger, accept: str) -> None:
    response = Client().get("/api/schema", headers={"Accept": accept})
    assert response.status_code == 200
    assert re.sub(rb"\s+(?=[\"{])|(?<=:) (?=\")", b"", response.content).startswith(
        ACCEPTED[accept]
    )


def test_the_page_has_nothing_inline(ledger: Ledger) -> None:
    response = Client().get("/api/docs")
    page = response.content.decode()
    assert response.status_code == 200
    assert not re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
    assert re.findall(r'(?:src|href)="(?![/#])', page) == []
    assert "unsafe" not in response["Content-Security-Policy"]


def test_the_page_is_inside_the_portals_frame(ledger: Ledger) -> None:
    stranger = Client().get("/api/docs").content.decode()
    assert 'aria-label="Sections"' not in stranger
    ledger.query("SELECT halt_ledger('a disk lost a page')")
    assert "HALTED" not in Client().get("/api/docs").content.decode()
    page = sign_in(staff=False, name="zoe").get("/api/docs").content.decode()
    assert 'aria-label="Sections"' in page
    assert ">zoe</a>" in page
    assert "HALTED" in page
    assert page.count("<h1") == 1
    assert 'data-schema="/api/schema"' in page


def test_a_real_answer_has_the_described_members(ledger: Ledger, schema: Any) -> None:
    shapes = schema["components"]["schemas"]
    ledger.write(1)
    caller = api.observer()
    for path, name in (
        ("events", "RangeShape"),
        ("head", "HeadShape"),
        ("continuity", "ContinuityShape"),
        ("drift-warnings", "DriftPageShape"),
        ("keys", "KeysShape"),
        ("verification", "VerificationShape"),
    ):
        assert set(caller.get(path).json()) == set(shapes[name]["properties"]), path
