"""`POST /v1/logs` accepts OTLP in protobuf and JSON exactly, with partial success."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from events.api.shippers import otlp_bodies
from events.tests.support import api
from events.tests.support.ledger import Ledger
from events.tests.support.shipping import rows, send, token

PROTOBUF, JSON = "application/x-protobuf", "application/json"

# The example of the protocol's own repository, opentelemetry-proto examples/logs.json, with what it
# leaves out: a larger integer, bytes, an event name.
RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]}
SCOPE = {"name": "my.library", "version": "1.0.0"}
RECORD = {
    "timeUnixNano": "1544712660300000000",
    "observedTimeUnixNano": "1544712660300000001",
    "severityNumber": 10,
    "severityText": "Information",
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174",
    "body": {"stringValue": "Example log record"},
    "attributes": [
        {"key": "boolean.attribute", "value": {"boolValue": True}},
        {"key": "int.attribute", "value": {"intValue": "9223372036854775807"}},
        {"key": "double.attribute", "value": {"doubleValue": 637.704}},
        {"key": "bytes.attribute", "value": {"bytesValue": "3q2+7w=="}},
        {
            "key": "map.attribute",
            "value": {"kvlistValue": {"values": [{"key": "a", "value": {"stringValue": "b"}}]}},
        },
    ],
    "eventName": "session.opened",
}
REQUEST = {
    "resourceLogs": [
        {
            "resource": RESOURCE,
            "schemaUrl": "https://opentelemetry.io/schemas/1.26.0",
            "scopeLogs": [
                {"scope": SCOPE, "logRecords": [RECORD, {"body": {"stringValue": "two"}}]},
                {"logRecords": [{"body": {"intValue": "3"}}]},
            ],
        },
        {"scopeLogs": [{"scope": {}, "logRecords": [{}]}]},
    ]
}


def protobuf() -> bytes:
    """The same request as serialized by a client library."""
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add(schema_url="https://opentelemetry.io/schemas/1.26.0")
    logs.resource.attributes.add(key="service.name").value.string_value = "my.service"
    scoped = logs.scope_logs.add()
    scoped.scope.name, scoped.scope.version = "my.library", "1.0.0"
    record = scoped.log_records.add(
        time_unix_nano=1544712660300000000,
        observed_time_unix_nano=1544712660300000001,
        severity_number=10,
        severity_text="Information",
        trace_id=bytes.fromhex("5b8efff798038103d269b633813fc60c"),
        span_id=bytes.fromhex("eee19b7ec3c1b174"),
        event_name="session.opened",
    )
    record.body.string_value = "Example log record"
    record.attributes.add(key="boolean.attribute").value.bool_value = True
    record.attributes.add(key="int.attribute").value.int_value = 2**63 - 1
    record.attributes.add(key="double.attribute").value.double_value = 637.704
    record.attributes.add(key="bytes.attribute").value.bytes_value = b"\xde\xad\xbe\xef"
    inner = record.attributes.add(key="map.attribute").value.kvlist_value
    inner.values.add(key="a").value.string_value = "b"
    scoped.log_records.add().body.string_value = "two"
    logs.scope_logs.add().log_records.add().body.int_value = 3
    request.resource_logs.add().scope_logs.add().log_records.add()
    return bytes(request.SerializeToString())


def post(body: bytes, media_type: str = PROTOBUF, *options: str, **headers: str) -> Any:
    return send("/v1/logs", body, f"Bearer {token(*options)}", media_type, **headers)


def check(ledger: Ledger) -> None:
    stored = rows(ledger)
    shared = {"resource": RESOURCE, "resourceSchemaUrl": "https://opentelemetry.io/schemas/1.26.0"}
    assert [payload for _, _, payload in stored] == [
        {"logRecord": RECORD, "scope": SCOPE, **shared},
        {"logRecord": {"body": {"stringValue": "two"}}, "scope": SCOPE, **shared},
        {"logRecord": {"body": {"intValue": "3"}}, **shared},
        {"logRecord": {}} | ({"scope": {}} if "scope" in stored[3][2] else {}),
    ]
    assert [kind for kind, _, _ in stored] == ["session.opened"] + ["log.line"] * 3


def test_protobuf_becomes_exact_json_and_again_adds_nothing(ledger: Ledger) -> None:
    for packed in (False, True):
        headers = {"Content-Encoding": "gzip"} if packed else {}
        answer = post(gzip.compress(protobuf()) if packed else protobuf(), **headers)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer["Content-Type"] == PROTOBUF
    check(ledger)


def test_json_becomes_the_same(ledger: Ledger) -> None:
    body = json.dumps(REQUEST).encode()
    for _ in range(2):
        answer = post(body, JSON)
        assert (answer.status_code, answer.json()) == (200, {})
    check(ledger)


def test_a_request_without_records_is_fine(ledger: Ledger) -> None:
    assert post(b"").status_code == 200
    assert post(b"{}", JSON).json() == {}
    assert post(ExportLogsServiceRequest().SerializeToString()).status_code == 200
    assert rows(ledger) == []


def test_rejected_records_are_counted_and_the_rest_is_recorded(ledger: Ledger) -> None:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for text in ("one", "\0", "x" * 2**20, "two"):
        records.add().body.string_value = text
    records.add(event_name="system.halted")
    answer = post(request.SerializeToString())
    assert answer.status_code == 200
    said = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert said.rejected_log_records == 3
    assert said.error_message.startswith("record 1, /logRecord/body/stringValue: U+0000")
    assert len(rows(ledger)) == 2
    as_json = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"a": 1}, 17, {"b": "\0"}]}]}]}
    partly = post(json.dumps(as_json).encode(), JSON).json()["partialSuccess"]
    assert partly["rejectedLogRecords"] == "2"
    assert partly["errorMessage"].startswith("record 1, /logRecord: ")


def test_a_record_that_is_wrong_inside_is_one_rejected_record(ledger: Ledger) -> None:
    good = ExportLogsServiceRequest()
    good.resource_logs.add().scope_logs.add().log_records.add().body.string_value = "good"
    wrong = b"\x0a\x06\x12\x04\x12\x02\x2a\x05"  # a body that extends past its record
    answer = post(good.SerializeToString() + wrong)
    said = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, said.rejected_log_records) == (200, 1)
    assert len(rows(ledger)) == 1


NOT_REQUESTS = {
    "text as protobuf": (PROTOBUF, b"hello, world"),
    "a length beyond the end": (PROTOBUF, b"\x0a\x7f"),
    "a number without end": (PROTOBUF, b"\xff" * 20),
    "JSON cut off": (JSON, b'{"resourceLogs":['),
    "an array": (JSON, b"[]"),
    "another shape": (JSON, b'{"resourceLogs":{}}'),
    "not UTF-8": (JSON, b'{"resourceLogs":[{"schemaUrl":"\xff"}]}'),
    "traces": (JSON, b'{"resourceSpans":[{"scopeSpans":[]}]}'),
    "another spelling": (JSON, b'{"resource_logs":[{"scopeLogs":[{"logRecords":[{}]}]}]}'),
    "another spelling inside": (JSON, b'{"resourceLogs":[{"scope_logs":[{"logRecords":[{}]}]}]}'),
    "a list twice": (JSON, b'{"resourceLogs":[{"scopeLogs":[]}],"resourceLogs":[]}'),
    "a list of records twice": (
        JSON,
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}],"logRecords":[{}]}]}]}',
    ),
    "an older protocol": (
        JSON,
        b'{"resourceLogs":[{"instrumentationLibraryLogs":[{"logRecords":[{}]}]}]}',
    ),
}


@pytest.mark.parametrize("name", NOT_REQUESTS)
def test_an_invalid_request_is_refused_with_a_status(ledger: Ledger, name: str) -> None:
    media_type, body = NOT_REQUESTS[name]
    answer = post(body, media_type)
    assert answer.status_code == 400
    assert answer["Content-Type"].startswith(media_type)
    if media_type == JSON:
        assert answer.json()["code"] == 3
    else:
        assert answer.content.startswith(b"\x08\x03\x12")
    assert rows(ledger) == []


def test_a_record_may_name_what_leads_to_it(ledger: Ledger) -> None:
    record = {"body": {"stringValue": '{"resourceLogs": []}'}, "logRecords": [{"scope_logs": 1}]}
    logs = {"resource": {"scopeLogs": 1}, "scopeLogs": [{"logRecords": [record]}]}
    assert post(json.dumps({"resourceLogs": [logs]}).encode(), JSON).json() == {}
    assert [payload["logRecord"] for _, _, payload in rows(ledger)] == [record]


def test_the_resources_host_is_a_collectors_agent(ledger: Ledger) -> None:
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add()
    logs.resource.attributes.add(key="host.name").value.string_value = "web-1"
    logs.scope_logs.add().log_records.add().body.string_value = "x"
    post(request.SerializeToString(), PROTOBUF, "--agents-under", "dc1/")
    assert [agent for _, agent, _ in rows(ledger)] == ["dc1/web-1"]


def test_a_small_request_cannot_ask_for_a_large_amount(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each record repeats its resource."""
    monkeypatch.setattr(otlp_bodies, "MAX_REPEATED", 10_000)
    logs = {"resource": {"attributes": ["x" * 1000]}, "scopeLogs": [{"logRecords": [{}] * 20}]}
    answer = post(json.dumps({"resourceLogs": [logs]}).encode(), JSON)
    assert answer.status_code == 413
    monkeypatch.setattr(otlp_bodies, "MAX_FIELDS", 3)
    assert post(protobuf()).status_code == 413
    monkeypatch.setattr(otlp_bodies, "MAX_VALUES", 10)
    assert post(json.dumps({"x": [0] * 20}).encode(), JSON).status_code == 413


def test_missing_permission_and_a_halt_have_their_codes(ledger: Ledger) -> None:
    assert send("/v1/logs", b"{}", "", JSON).json()["code"] == 16
    assert send("/v1/logs", b"{}", f"Bearer {api.issue('--observer')}", JSON).json()["code"] == 7
    assert post(b"x", "text/plain").status_code == 415
    api.halt(ledger)
    answer = post(json.dumps(REQUEST).encode(), JSON)
    assert (answer.status_code, answer.json()["code"]) == (503, 14)
    assert int(answer["Retry-After"]) > 0
