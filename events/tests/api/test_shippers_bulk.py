"""Elasticsearch's `_bulk` below /elastic/ accepts what its clients send, document by document."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from events.tests.support import api
from events.tests.support.ledger import Ledger
from events.tests.support.shipping import basic, rows, send, token

NDJSON = "application/x-ndjson"


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


DOCS = [
    {"@timestamp": "2026-01-01T00:00:00.000Z", "message": "one", "host": {"name": "web-1"}},
    {"@timestamp": "2026-01-01T00:00:01.000Z", "message": "two", "host": {"name": "web-2"}},
]
# As each sender writes them, after their documentation: path and action lines.
SENDERS: dict[str, tuple[str, Any, str]] = {
    "Filebeat 8": (
        "/elastic/_bulk?filter_path=errors%2Citems.%2A.error%2Citems.%2A.status",
        {"create": {"_index": "filebeat-8.17.0"}},
        "filebeat-8.17.0",
    ),
    "Logstash with data streams": (
        "/elastic/_bulk",
        {"create": {"_index": "logs-generic-default"}},
        "logs-generic-default",
    ),
    "Fluent Bit": (
        "/elastic/_bulk",
        {"create": {"_index": "fluent-bit", "_type": "_doc"}},
        "fluent-bit",
    ),
    "Vector": ("/elastic/_bulk", {"index": {"_index": "vector-2026.01.01"}}, "vector-2026.01.01"),
    "an index in the address": ("/elastic/audit/_bulk", {"create": {}}, "audit"),
}


def post(path: str, body: bytes, *options: str, **headers: str) -> Any:
    return send(path, body, basic(token(*options)), NDJSON, **headers)


@pytest.mark.parametrize("name", SENDERS)
def test_documents_are_payloads_and_again_add_nothing(ledger: Ledger, name: str) -> None:
    path, action, kind = SENDERS[name]
    body = lines(action, DOCS[0], action, DOCS[1])
    first = post(path, body)
    again = post(path, gzip.compress(body), **{"Content-Encoding": "gzip"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert first["X-Elastic-Product"] == "Elasticsearch"
    verb = next(iter(action))
    said = [item[verb] for item in first.json()["items"]]
    assert [(one["status"], one["result"], one["_seq_no"]) for one in said] == [
        (201, "created", 4),
        (201, "created", 5),
    ]
    assert [item[verb]["status"] for item in again.json()["items"]] == [200, 200]
    assert (first.json()["errors"], again.json()["errors"]) == (False, False)
    assert rows(ledger) == [(kind, "agent-7", DOCS[0]), (kind, "agent-7", DOCS[1])]


def test_an_id_is_the_documents_own_in_its_index(ledger: Ledger) -> None:
    def put(index: str, number: int) -> Any:
        body = lines({"create": {"_index": index, "_id": "a"}}, {"n": number})
        return post("/elastic/_bulk", body).json()["items"][0]["create"]

    assert put("one", 1)["status"] == 201
    assert put("one", 1)["status"] == 200
    taken = put("one", 2)
    assert (taken["status"], taken["error"]["type"]) == (409, "version_conflict_engine_exception")
    assert put("two", 2)["status"] == 201
    assert len(rows(ledger)) == 2


def test_each_document_has_a_status_of_its_own(ledger: Ledger) -> None:
    create = {"create": {"_index": "i"}}
    body = (
        lines(create, DOCS[0], create)
        + b'{"a":1,"a":2}\n'
        + lines({"delete": {"_index": "i", "_id": "1"}}, {"update": {"_id": "1"}}, {"doc": {}})
        + lines({"create": {"_index": "system.halted"}}, {"n": 1}, create, DOCS[1])
    )
    answer = post("/elastic/_bulk", body)
    assert answer.status_code == 200
    assert answer.json()["errors"] is True
    statuses = [
        (verb, one["status"]) for item in answer.json()["items"] for verb, one in item.items()
    ]
    assert statuses == [
        ("create", 201),
        ("create", 400),
        ("delete", 400),
        ("update", 400),
        ("create", 400),
        ("create", 201),
    ]
    assert [payload for _, _, payload in rows(ledger)] == DOCS


@pytest.mark.parametrize(
    "body",
    [
        b"hello\n",
        b'{"create":{}}\n',
        lines({"creat": {}}, {}),
        lines({"create": {}, "index": {}}, {}),
        lines({"create": 1}, {}),
        lines([], {}),
        b"\xff\n{}\n",
        b" ",
    ],
)
def test_an_invalid_bulk_request_is_refused_as_a_whole(ledger: Ledger, body: bytes) -> None:
    answer = post("/elastic/_bulk", body)
    assert answer.status_code == 400
    assert answer.json()["status"] == 400
    assert answer.json()["error"]["reason"]
    assert rows(ledger) == []


def test_a_collectors_host_is_the_agent(ledger: Ledger) -> None:
    create = {"create": {"_index": "i"}}
    options = ("--agents-under", "dc1/", "--agent-field", "host.name")
    post("/elastic/_bulk", lines(create, DOCS[0], create, DOCS[1]), *options)
    assert [agent for _, agent, _ in rows(ledger)] == ["dc1/web-1", "dc1/web-2"]


KEYS: dict[str, Callable[[str], str]] = {
    "id and key": lambda secret: "ApiKey " + base64.b64encode(f"portal:{secret}".encode()).decode(),
    "the token itself": lambda secret: f"ApiKey {secret}",
    "Bearer": lambda secret: f"Bearer {secret}",
    "Basic": basic,
}


@pytest.mark.parametrize("form", KEYS)
@pytest.mark.parametrize("path", ["", "/", "/_license", "/_xpack", "/_cluster/health"])
def test_the_first_requests_of_senders_are_answered(ledger: Ledger, form: str, path: str) -> None:
    headers = {"Authorization": KEYS[form](token())}
    answer = Client().get(f"/elastic{path}", headers=headers)
    assert answer.status_code == 200, answer.content
    assert answer["X-Elastic-Product"] == "Elasticsearch"
    assert answer.json()
    head = Client().head(f"/elastic{path}", headers=headers)
    assert (head.status_code, head.content) == (200, b"")


def test_missing_permission_is_refused_as_elasticsearch_does(ledger: Ledger) -> None:
    answer = send("/elastic/_bulk", lines({"create": {}}, {}), "ApiKey " + "f" * 64)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "security_exception"
    assert "ApiKey" in answer["WWW-Authenticate"]
    observer = send("/elastic/_bulk", lines({"create": {}}, {}), basic(api.issue("--observer")))
    assert observer.status_code == 403
    for wrong in ("Basic !", "ApiKey", "Basic " + "YQ==", "ApiKey " + "YTpi"):
        assert Client().get("/elastic/", headers={"Authorization": wrong}).status_code == 401


def test_a_halted_ledger_is_unavailable(ledger: Ledger) -> None:
    api.halt(ledger)
    answer = post("/elastic/_bulk", lines({"create": {}}, {}))
    assert (answer.status_code, answer.json()["status"]) == (503, 503)
    assert int(answer["Retry-After"]) > 0
    health = Client().get("/elastic/_cluster/health", headers={"Authorization": basic(token())})
    assert health.json()["status"] == "red"
