"""`POST /v1/logs`: OpenTelemetry's protocol for logs (OTLP/HTTP), in protobuf and in JSON.

The payload is the log record in OTLP's JSON form, with its `resource` and its `scope`; its event
name, where it has one, is the type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from rest_framework.request import Request

from events.access.view_marks import writes_events
from events.api.bodies import body_of
from events.api.problems import UNSUPPORTED_MEDIA_TYPE, Refused
from events.api.shippers import otlp_bodies
from events.api.shippers.intake import Outcome
from events.api.shippers.mapping import Hints, Ids, TokenMapping, parse_record
from events.api.shippers.otlp_bodies import Parts, checked, json_text, read_protobuf
from events.api.shippers.protocol import ShipperView, as_json, deliver, mapping_of
from events.submission import Submission

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

INVALID_ARGUMENT, UNAVAILABLE = 3, 14
_CODES = {401: 16, 403: 7, 405: 12, 429: 8, 500: 13}
"""Codes of google.rpc.Status for statuses that are not simply the sender's fault or ours."""


def _event_name(payload: Any) -> str | None:
    name = payload["logRecord"].get("eventName")
    return name if isinstance(name, str) and name else None


def _host_name(payload: Any) -> str | None:
    """The resource's `host.name`."""
    resource = payload.get("resource")
    attributes = resource.get("attributes") if isinstance(resource, dict) else None
    for each in attributes if isinstance(attributes, list) else ():
        if isinstance(each, dict) and each.get("key") == "host.name":
            value = each.get("value")
            text = value.get("stringValue") if isinstance(value, dict) else None
            return text if isinstance(text, str) and text else None
    return None


HINTS = Hints(event_type=_event_name, agent=_host_name)


@writes_events
@extend_schema(exclude=True)
class Logs(ShipperView):
    """The records of an `ExportLogsServiceRequest`."""

    def post(self, request: Request) -> HttpResponse:
        """200; what was rejected is counted in `partialSuccess`."""
        asked = request._request
        is_json = _is_json(asked)
        if asked.META.get("CONTENT_LENGTH") == "0":  # a request without records, in protobuf
            return _answer(Outcome(0), is_json)
        mapping = mapping_of(request)
        shows_end = is_json  # a protobuf body that was cut off between two fields looks whole
        with body_of(asked, mapping.agent_id, otlp_bodies.MAX_BODY, shows_end) as body:
            records = (otlp_bodies.in_json if is_json else otlp_bodies.in_protobuf)(body)
            ids = Ids.of(mapping.agent_id, body, asked.headers.get("Idempotency-Key"))
            read = _of_json(records, mapping, ids) if is_json else _of(records, mapping, ids)
            outcome = deliver(asked, mapping, ids, len(records), read)
        return _answer(outcome, is_json)

    def refuse(self, refused: Refused, request: HttpRequest) -> HttpResponse:
        """A google.rpc.Status, in the form that was sent."""
        status = refused.problem.status
        code = _CODES.get(status, UNAVAILABLE if status >= 500 else INVALID_ARGUMENT)
        if (request.content_type or "").lower() == PROTOBUF:
            message = refused.detail.encode(errors="replace")
            content = b"\x08" + _varint(code) + b"\x12" + _varint(len(message)) + message
            return HttpResponse(content, status=status, content_type=PROTOBUF)
        return as_json({"code": code, "message": refused.detail}, status)


def _is_json(request: HttpRequest) -> bool:
    media_type = (request.content_type or "").lower()
    if media_type not in (PROTOBUF, JSON):
        raise Refused(UNSUPPORTED_MEDIA_TYPE, f"send {PROTOBUF} or {JSON}")
    return media_type == JSON


def _of(records: list[Parts], mapping: TokenMapping, ids: Ids) -> Callable[[int], Submission]:
    def read(place: int) -> Submission:
        return mapping.of_record(read_protobuf(records[place]), place, ids, HINTS)

    return read


def _of_json(records: list[Parts], mapping: TokenMapping, ids: Ids) -> Callable[[int], Submission]:
    def read(place: int) -> Submission:
        payload, plain = checked(parse_record(json_text(records[place])))
        return mapping.of_record(payload, place, ids, HINTS, plain=plain)

    return read


def _answer(outcome: Outcome, is_json: bool) -> HttpResponse:
    if is_json:
        return as_json({"partialSuccess": _partly(outcome)} if outcome.rejected else {})
    answer = ExportLogsServiceResponse()
    if outcome.rejected:
        answer.partial_success.rejected_log_records = outcome.rejected
        answer.partial_success.error_message = _message(outcome)
    return HttpResponse(answer.SerializeToString(), content_type=PROTOBUF)


def _partly(outcome: Outcome) -> dict[str, str]:
    """Integers of 64 bits are texts in the JSON form of protobuf."""
    return {"rejectedLogRecords": str(outcome.rejected), "errorMessage": _message(outcome)}


def _message(outcome: Outcome) -> str:
    first = outcome.errors[0]
    where = f"record {first['index']}{first['pointer'] and ', ' + first['pointer']}"
    return f"{where}: {first['detail']}"


def _varint(number: int) -> bytes:
    content = bytearray()
    while number > 0x7F:
        content.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*content, number])
