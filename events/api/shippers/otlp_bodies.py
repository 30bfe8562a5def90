"""Finds the log records of an OTLP request, in protobuf or JSON, with resource and scope.

Records stay bytes until they are mapped, one at a time: an empty one takes two bytes in a body and
a hundred as an object. Unknown fields are skipped, as the protocol asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from msgspec import UNSET, Raw, UnsetType
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from events.api.event_bodies import TOO_LARGE as TOO_LARGE_PAYLOAD
from events.api.problems import MALFORMED_JSON, TOO_LARGE, Refused
from events.api.shippers.framing import MAX_RECORDS
from events.api.shippers.mapping import RejectedError
from events.errors import FieldError
from events.format.canonical import Document
from events.submission import MAX_PAYLOAD_BYTES

MAX_BODY = 16 * 2**20
MAX_REPEATED = 128 * 2**20
"""Bytes of resources and scopes, each counted as often as a record repeats it."""

MAX_FIELDS = 2**18
"""Fields around the records of a body in protobuf."""

MAX_VALUES = 2**20
"""Maximum number of commas in a JSON body, which bounds the pieces it is split into at once."""

_OTHER_LISTS = "resourceLogs, scopeLogs or logRecords appears twice in one object or is misspelled"

Each = TypeVar("Each")

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_ID_FIELDS = (("trace_id", "traceId"), ("span_id", "spanId"))


@dataclass(frozen=True, slots=True)
class Parts:
    """One record and what it shares with others; "" and None for absent parts."""

    record: bytes
    resource: bytes = b""
    scope: bytes = b""
    resource_schema: str | None = None
    scope_schema: str | None = None


def in_protobuf(body: bytes) -> list[Parts]:
    """Find the records of a protobuf `ExportLogsServiceRequest`.

    Raises:
        Refused: it is malformed, or holds too many.
    """
    try:
        return _bounded(_of_request(body))
    except (DecodeError, UnicodeDecodeError) as error:
        raise Refused(MALFORMED_JSON, f"not an OTLP request: {error}") from None


def _of_request(body: bytes) -> Iterator[Parts]:
    walk = _Walk()
    for resource_logs in walk.fields(body).get(1, ()):
        of_resource = walk.fields(resource_logs)
        resource = b"".join(of_resource.get(1, ()))
        for scope_logs in of_resource.get(2, ()):
            of_scope = walk.fields(scope_logs)
            scope = b"".join(of_scope.get(1, ()))
            for record in of_scope.get(2, ()):
                yield Parts(record, resource, scope, _last(of_resource), _last(of_scope))


def read_protobuf(parts: Parts) -> dict[str, Any]:
    """The payload of a record: the JSON form of OTLP, in which integers of 64 bits are texts, bytes
    are base64, and ids are hexadecimal.

    Raises:
        RejectedError: it is not a valid record.
    """
    if max(map(len, (parts.record, parts.resource, parts.scope))) > MAX_PAYLOAD_BYTES:
        raise RejectedError(FieldError("", TOO_LARGE_PAYLOAD))
    try:
        record = LogRecord.FromString(parts.record)
        payload: dict[str, Any] = {"logRecord": _as_json(record)}
        for name, ours in _ID_FIELDS:
            if value := getattr(record, name):
                payload["logRecord"][ours] = value.hex()
        if parts.resource:
            payload["resource"] = _as_json(Resource.FromString(parts.resource))
        if parts.scope:
            payload["scope"] = _as_json(InstrumentationScope.FromString(parts.scope))
    except DecodeError as error:
        raise RejectedError(FieldError("", f"not a log record: {error}")) from None
    if parts.resource_schema:
        payload["resourceSchemaUrl"] = parts.resource_schema
    if parts.scope_schema:
        payload["scopeSchemaUrl"] = parts.scope_schema
    return payload


def _as_json(message: Message) -> dict[str, Any]:
    written: dict[str, Any] = json_format.MessageToDict(message, use_integers_for_enums=True)
    return written


class _Walk:
    """Splits messages into fields without decoding the fields' content."""

    def __init__(self) -> None:
        self._seen = 0

    def fields(self, data: bytes) -> dict[int, list[bytes]]:
        """The values of the fields of messages and texts, by number.

        Raises:
            DecodeError: the data is not a protobuf message.
            Refused: the request has too many fields.
        """
        found: dict[int, list[bytes]] = {}
        at, end = 0, len(data)
        while at < end:
            self._seen += 1
            if self._seen > MAX_FIELDS:
                raise Refused(TOO_LARGE, "the request has too many records; send smaller ones")
            tag, at = _varint(data, at)
            kind = tag & 7
            if kind == _BYTES:
                length, at = _varint(data, at)
                found.setdefault(tag >> 3, []).append(data[at : at + length])
                at += length
            elif kind == _VARINT:
                _, at = _varint(data, at)
            elif kind in (_FIXED32, _FIXED64):
                at += 8 if kind == _FIXED64 else 4
            else:
                raise DecodeError(f"a field has the unknown wire type {kind}")
        if at > end:
            raise DecodeError("a field extends past the end of its message")
        return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Decode a number; return it and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise DecodeError("a number is truncated")


def _last(fields: dict[int, list[bytes]]) -> str | None:
    """Return the schema URL, field 3 of both messages that have one."""
    found = fields.get(3)
    return found[-1].decode() if found else None


class _ScopeLogs(msgspec.Struct, rename="camel"):
    log_records: list[Raw] | UnsetType = UNSET
    scope: Raw | UnsetType = UNSET
    schema_url: str | None = None


class _ResourceLogs(msgspec.Struct, rename="camel"):
    scope_logs: list[_ScopeLogs] | UnsetType = UNSET
    resource: Raw | UnsetType = UNSET
    schema_url: str | None = None


class _Request(msgspec.Struct, rename="camel"):
    resource_logs: list[_ResourceLogs] | UnsetType = UNSET


_reader = msgspec.json.Decoder(_Request)

_LISTS = re.compile(
    rb'"(resource_?logs|scope_?logs|log_?records|instrumentation_?library_?logs)"\s*+:',
    re.IGNORECASE,
)


def in_json(body: bytes) -> list[Parts]:
    """Find the records of a JSON `ExportLogsServiceRequest`.

    Raises:
        Refused: it is malformed, or holds too many.
    """
    if body.count(b",") > MAX_VALUES:
        raise Refused(TOO_LARGE, "the request has too many values; send smaller ones")
    try:
        request = _reader.decode(body)
        if request.resource_logs is UNSET and b'"' in body:
            raise Refused(MALFORMED_JSON, "not an OTLP request of logs: it has no resourceLogs")
        if _names(body) != _names_read(request):
            raise Refused(MALFORMED_JSON, f"not an OTLP request: {_OTHER_LISTS}")
        return _bounded(_of_json(request))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Refused(MALFORMED_JSON, f"not an OTLP request: {error}") from None


def _names(text: bytes) -> int:
    """Count the names of the lists that lead to the records, in any spelling."""
    return sum(1 for _ in _LISTS.finditer(text))


def _names_read(request: _Request) -> int:
    """Count the lists that were read, and those named inside raw parts.

    The reader skips a list that is named twice or in another spelling; its records would be lost
    although the answer says that they are in.
    """
    found = int(request.resource_logs is not UNSET)
    for resource_logs in _given(request.resource_logs):
        found += resource_logs.scope_logs is not UNSET
        found += _names(_raw(resource_logs.resource))
        for scope_logs in _given(resource_logs.scope_logs):
            found += scope_logs.log_records is not UNSET
            found += _names(_raw(scope_logs.scope))
            found += sum(_names(bytes(record)) for record in _given(scope_logs.log_records))
    return found


def _given(value: list[Each] | UnsetType) -> list[Each]:
    return [] if value is UNSET else value


def _of_json(request: _Request) -> Iterator[Parts]:
    for resource_logs in _given(request.resource_logs):
        resource = _raw(resource_logs.resource)
        for scope_logs in _given(resource_logs.scope_logs):
            scope = _raw(scope_logs.scope)
            for record in _given(scope_logs.log_records):
                yield Parts(
                    bytes(record), resource, scope, resource_logs.schema_url, scope_logs.schema_url
                )


def _raw(value: Raw | UnsetType) -> bytes:
    return b"" if value is UNSET else bytes(value)


def json_text(parts: Parts) -> bytes:
    """Build the JSON text of a record's payload from the texts as sent."""
    members = [b'"logRecord":' + parts.record]
    if parts.resource:
        members.append(b'"resource":' + parts.resource)
    if parts.scope:
        members.append(b'"scope":' + parts.scope)
    if parts.resource_schema:
        members.append(b'"resourceSchemaUrl":' + msgspec.json.encode(parts.resource_schema))
    if parts.scope_schema:
        members.append(b'"scopeSchemaUrl":' + msgspec.json.encode(parts.scope_schema))
    return b"{" + b",".join(members) + b"}"


def checked(document: Document) -> Document:
    """Check that a JSON payload's record is an object and return it.

    Raises:
        RejectedError: it is something else.
    """
    if not isinstance(document.value["logRecord"], dict):
        raise RejectedError(FieldError("/logRecord", "a log record is a JSON object"))
    return document


def _bounded(parts: Iterator[Parts]) -> list[Parts]:
    found: list[Parts] = []
    repeated = 0
    for each in parts:
        repeated += len(each.resource) + len(each.scope)
        if len(found) == MAX_RECORDS or repeated > MAX_REPEATED:
            raise Refused(TOO_LARGE, "the request has too many records; send smaller ones")
        found.append(each)
    return found
