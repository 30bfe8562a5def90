"""Bodies from the documentation of well-known shippers are accepted at the endpoints of
docs/shippers.md, and so is the table of cases/logs/19-http-bodies.md."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import resolve

from events.management.commands.issue_token import Command
from events.tests.support import api
from events.tests.support.ledger import Ledger
from events.tests.support.shipping import rows, token

TEXT = (settings.BASE_DIR / "docs" / "shippers.md").read_text(encoding="utf-8")
JSON, NDJSON = "application/json", "application/x-ndjson"

# rsyslog: omhttp, batch.format newline and jsonarray. Vector: http, codec json. Fluent Bit: http,
# formats json, json_lines and json_stream. Logstash: http, format json_batch and json.
BODIES: dict[str, tuple[str, bytes, int]] = {
    "rsyslog, lines": (
        NDJSON,
        b'{"id":"a-1","host":"web-1","program":"sshd","message":"session opened"}\n'
        b'{"id":"a-2","host":"web-1","program":"sshd","message":"session closed"}',
        2,
    ),
    "rsyslog, an array": (JSON, b'[{"msg":"message 1"}, {"msg":"message 2"}]', 2),
    "Vector, lines": (
        NDJSON,
        b'{"file":"/var/log/a","host":"web-1","message":"one","source_type":"file",'
        b'"timestamp":"2026-01-01T00:00:00.123456789Z"}\n{"host":"web-1","message":"two"}\n',
        2,
    ),
    "Vector, an array": (JSON, b'[{"host":"web-1","message":"one"},{"message":"two"}]', 2),
    "Fluent Bit, json": (
        JSON,
        b'[{"date":1623190496.345,"cpu_p":7.1},{"date":1623190497.345,"cpu_p":0.5}]',
        2,
    ),
    "Fluent Bit, json_lines": (NDJSON, b'{"date":1623190496.345,"log":"a"}\n{"log":"b"}\n', 2),
    "Fluent Bit, json_stream": (JSON, b'{"date":1623190496.345,"log":"a"}{"log":"b"}', 2),
    "Logstash, json_batch": (
        "application/json",
        b'[{"@timestamp":"2026-01-01T00:00:00.000Z","@version":"1","message":"one",'
        b'"event":{"original":"one"},"host":{"name":"web-1"}}]',
        1,
    ),
    "Logstash, json": (JSON, b'{"@timestamp":"2026-01-01T00:00:00.000Z","message":"one"}', 1),
}


def ingest(body: bytes, media_type: str, **headers: str) -> Any:
    caller = api.Caller(token())
    return caller.post("ingest", raw=body, content_type=media_type, **headers)


@pytest.mark.parametrize("name", BODIES)
def test_bodies_of_shippers_are_recorded_unchanged_and_only_once(ledger: Ledger, name: str) -> None:
    media_type, body, count = BODIES[name]
    first = ingest(body, media_type)
    again = ingest(gzip.compress(body), media_type, **{"Content-Encoding": "gzip"})
    assert (first.status_code, first.json()["created"]) == (200, count)
    assert (again.status_code, again.json()["already_there"]) == (200, count)
    decoder = json.JSONDecoder()
    for _, _, payload in rows(ledger):
        assert any(payload == value for value in _values(decoder, body.decode()))


def _values(decoder: json.JSONDecoder, text: str) -> list[Any]:
    values: list[Any] = []
    at = 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        values += value if isinstance(value, list) else [value]
        at += len(text[at:]) - len(text[at:].lstrip())
    return values


EVENT = json.dumps(api.event()).encode()
# The bodies of case 19, what /events/batch answers now, and what /ingest does.
CASE_19: dict[str, tuple[str, bytes, dict[str, str], int, int]] = {
    "gzip of an array": (
        JSON,
        gzip.compress(b"[" + EVENT + b"]"),
        {"Content-Encoding": "gzip"},
        201,
        200,
    ),
    "lines as JSON": (JSON, EVENT + b"\n" + EVENT, {}, 400, 200),
    "lines as ndjson": ("application/ndjson", EVENT, {}, 201, 200),
    "lines as jsonl": ("application/jsonl", EVENT, {}, 201, 200),
    "lines as jsonlines": ("application/x-jsonlines", EVENT, {}, 201, 200),
    "objects with nothing between": (NDJSON, EVENT + EVENT, {}, 400, 200),
    "one object": (JSON, EVENT, {}, 400, 200),
    "1,001 events": (JSON, b"[" + b",".join([EVENT] * 1001) + b"]", {}, 400, 200),
    "a raw record": (JSON, b'[{"host":"web-1","message":"hello"}]', {}, 400, 200),
    "msgpack": ("application/msgpack", b"\x81\xa1a\x01", {}, 415, 415),
    "a byte order mark": (NDJSON, b"\xef\xbb\xbf" + EVENT, {}, 201, 200),
}


@pytest.mark.parametrize("name", CASE_19)
def test_the_bodies_of_case_19(ledger: Ledger, name: str) -> None:
    media_type, body, headers, at_batch, at_ingest = CASE_19[name]
    caller = api.agent()
    for path, status in (("events/batch", at_batch), ("ingest", at_ingest)):
        answer = caller.post(path, raw=body, content_type=media_type, **headers)
        assert answer.status_code == status, (path, answer.content)


def test_a_reserved_type_among_three_keeps_the_others_out_of_a_batch_alone(ledger: Ledger) -> None:
    sent = [api.event(), api.event(event_type="system.halted"), api.event()]
    caller = api.Caller(token("--type-field", "event_type"))
    assert caller.post("events/batch", sent).status_code == 400
    answer = caller.post("ingest", sent)
    assert (answer.status_code, answer.json()["created"]) == (207, 2)
    assert [error["index"] for error in answer.json()["errors"]] == [1]


def test_the_addresses_of_the_document_are_there() -> None:
    named = set(re.findall(r"`(?:POST )?(/[a-z0-9_/]+)`", TEXT))
    assert len(named) >= 4
    for path in named:
        assert resolve(path)


def test_the_options_of_the_document_are_those_of_issue_token() -> None:
    parser = Command().create_parser("manage.py", "issue_token")
    known = {flag for action in parser._actions for flag in action.option_strings}
    said = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", TEXT)) - {"--no-install-recommends"}
    assert said <= known, said - known


def test_no_other_address_of_elasticsearch_is_spoken(ledger: Ledger) -> None:
    assert Client().get("/elastic/_search").status_code == 404
