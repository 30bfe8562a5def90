"""Splunk's HTTP Event Collector accepts what its clients send and responds with its codes."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from events.tests.support import api
from events.tests.support.ledger import Ledger
from events.tests.support.shipping import basic, rows, send, token

EVENT = "/services/collector/event"
RAW = "/services/collector/raw"

# As the documentation of each sender shows them.
BODIES = {
    "Splunk's own examples": (
        b'{"time": 1426279439, "host": "localhost", "source": "random-data-generator",'
        b' "sourcetype": "my_sample_data", "index": "main", "event": "Hello world!"}'
        b'{"time": 1426279539, "sourcetype": "my_sample_data", "event": {"a": "value1",'
        b' "b": ["value1_1", "value1_2"]}, "fields": {"club": "glee"}}'
    ),
    "Vector's splunk_hec_logs": (
        b'{"event":{"message":"session opened","user":"zoe"},"fields":{},'
        b'"time":1638366107.111,"host":"web-1","sourcetype":"my_sample_data"}\n'
        b'{"event":"plain","time":1638366107.112,"host":"web-1","sourcetype":"my_sample_data"}'
    ),
    "Fluent Bit's splunk": (
        b'{"time":1623190496.345,"event":{"log":"a"},"sourcetype":"my_sample_data"}'
        b'{"time":1623190496.346,"event":{"log":"b"},"sourcetype":"my_sample_data"}'
    ),
    "the collector's splunkhec exporter": (
        b'{"time":1.5e9,"host":"unknown","sourcetype":"my_sample_data","event":"one","fields":'
        b'{"service.name":"x"}}\r\n\r\n'
        b'{"time":null,"host":"unknown","sourcetype":"my_sample_data","event":17}'
    ),
}


def post(path: str, body: bytes, *options: str, **headers: str) -> Any:
    return send(path, body, f"Splunk {token(*options)}", **headers)


@pytest.mark.parametrize("name", BODIES)
def test_events_are_payloads_whole_and_again_add_nothing(ledger: Ledger, name: str) -> None:
    body = BODIES[name]
    for _ in range(2):
        answer = post(EVENT, body)
        assert (answer.status_code, answer.json()) == (200, {"text": "Success", "code": 0})
    packed = post("/services/collector", gzip.compress(body), **{"Content-Encoding": "gzip"})
    assert packed.json()["code"] == 0
    stored = rows(ledger)
    assert [(kind, agent) for kind, agent, _ in stored] == [("my_sample_data", "agent-7")] * 2
    decoder, at, text = json.JSONDecoder(), 0, body.decode()
    for _, _, payload in stored:
        sent, at = decoder.raw_decode(text, at)
        at += len(text[at:]) - len(text[at:].lstrip())
        assert payload == sent


FORMS = {
    "Splunk": lambda secret: f"Splunk {secret}",
    "Bearer": lambda secret: f"Bearer {secret}",
    "Basic": lambda secret: basic(secret, "x"),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_token_is_accepted_in_every_form_that_senders_use(ledger: Ledger, form: str) -> None:
    answer = send(EVENT, b'{"event":"x"}', FORMS[form](token()))
    assert answer.json()["code"] == 0


def test_a_collectors_host_is_the_agent(ledger: Ledger) -> None:
    post(EVENT, b'{"event":"a","host":"web-1"}{"event":"b"}', "--agents-under", "dc1/")
    assert [agent for _, agent, _ in rows(ledger)] == ["dc1/web-1", "agent-7"]


def test_raw_lines_are_records_with_what_the_address_says(ledger: Ledger) -> None:
    path = f"{RAW}?host=web-1&sourcetype=syslog&channel=0f0f"
    assert post(path, b"one\r\n\ntwo\n").json()["code"] == 0
    assert post(path, b"one\r\n\ntwo\n").json()["code"] == 0
    said = {"host": "web-1", "sourcetype": "syslog"}
    assert rows(ledger) == [
        ("syslog", "agent-7", {"line": "one", **said}),
        ("syslog", "agent-7", {"line": "two", **said}),
    ]
    assert post(f"{RAW}?host=web-2", b"one\n").json()["code"] == 0
    assert len(rows(ledger)) == 3


REFUSALS: dict[str, tuple[bytes, int, int]] = {
    "no data": (b" ", 400, 5),
    "no events": (b"[]", 400, 5),
    "no JSON": (b"hello", 400, 6),
    "cut off": (b'{"event":', 400, 6),
    "no event": (b'{"time":1}', 400, 12),
    "an event of nothing": (b'{"event":null}', 400, 12),
    "a blank event": (b'{"event":""}', 400, 13),
    "not storable": (b'{"event":"\\u0000"}', 400, 6),
    "a reserved type": (b'{"event":1,"sourcetype":"system.halted"}', 400, 6),
    "no object": (b"[17]", 400, 6),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_have_hecs_codes(ledger: Ledger, name: str) -> None:
    body, status, code = REFUSALS[name]
    answer = post(EVENT, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert rows(ledger) == []


def test_the_good_ones_go_in_and_the_first_bad_one_is_named(ledger: Ledger) -> None:
    answer = post(EVENT, b'{"event":1}{"time":2}{"event":3}')
    assert answer.status_code == 400
    said = answer.json()
    assert (said["code"], said["invalid-event-number"], said["taken"]) == (12, 1, 2)
    assert [payload["event"] for _, _, payload in rows(ledger)] == [1, 3]


def test_missing_permission_is_reported_in_hecs_codes(ledger: Ledger) -> None:
    def said(authorization: str) -> tuple[int, int]:
        answer = send(EVENT, b'{"event":1}', authorization)
        return answer.status_code, answer.json()["code"]

    assert said("") == (401, 2)
    assert said("Splunk " + "f" * 64) == (403, 4)
    assert said("Splunk") == (403, 4)
    assert said("Digest x") == (403, 4)
    assert said(f"Splunk {api.issue('--observer')}") == (403, 1)
    assert rows(ledger) == []


def test_a_halted_ledger_is_busy_and_unhealthy(ledger: Ledger) -> None:
    health = api.Caller("").get("/services/collector/health")
    assert (health.status_code, health.json()["code"]) == (200, 17)
    api.halt(ledger)
    answer = post(EVENT, b'{"event":1}')
    assert (answer.status_code, answer.json()["code"]) == (503, 9)
    assert int(answer["Retry-After"]) > 0
    health = api.Caller("").get("/services/collector/health/1.0")
    assert (health.status_code, health.json()["code"]) == (503, 18)


def test_another_method_is_refused(ledger: Ledger) -> None:
    assert api.Caller(token()).get(EVENT).status_code == 405
