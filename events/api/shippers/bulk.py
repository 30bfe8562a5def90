"""Elasticsearch's `_bulk` and the endpoints that its clients query first, below `/elastic/`.

The payload is the document; the index is the type. `_id` with the index makes the event's id. Only
`create` and `index` are taken: nothing here is changed or deleted.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from events.access.view_marks import not_logged, writes_events
from events.api.bodies import MAX_BATCH_BODY, body_of
from events.api.problems import MALFORMED_JSON, Refused
from events.api.shippers import framing
from events.api.shippers.framing import Place
from events.api.shippers.intake import Fate
from events.api.shippers.mapping import Hints, Ids, RejectedError, parse_record
from events.api.shippers.protocol import ShipperView, as_json, deliver, mapping_of
from events.errors import FieldError
from events.store.ledger import PostgresEventStore
from events.submission import Submission

PRODUCT = "Elasticsearch"
VERSION = "8.17.0"
"""The emulated version; senders check that they support it."""

ACTIONS = ("create", "index", "update", "delete")
TAKEN = ("create", "index")
APPEND_ONLY = "only create and index are supported: the ledger is append-only"

_ERRORS = {
    400: "illegal_argument_exception",
    401: "security_exception",
    403: "security_exception",
    413: "content_too_long_exception",
    415: "media_type_header_exception",
    429: "es_rejected_execution_exception",
    503: "cluster_block_exception",
}


class _ElasticView(ShipperView):
    """Answers as Elasticsearch does, with the header that clients check."""

    def refuse(self, refused: Refused, request: HttpRequest) -> HttpResponse:
        """Build an error with `type` and `reason`."""
        status = refused.problem.status
        cause = {"type": _ERRORS.get(status, "exception"), "reason": refused.detail}
        answer = as_json({"error": {"root_cause": [cause], **cause}, "status": status}, status)
        if status == 401:
            answer["WWW-Authenticate"] = 'ApiKey, Basic realm="audit-portal"'
        return answer

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add the header without which clients of version 7.14 and later stop."""
        response["X-Elastic-Product"] = PRODUCT
        return super().finalize_response(request, response, *args, **kwargs)


@dataclass(frozen=True, slots=True)
class _Action:
    """An action line and the position of the document that follows it."""

    kind: str
    index: str | None
    id: str | None
    document: Place | None


@writes_events
@extend_schema(exclude=True)
class Bulk(_ElasticView):
    """Documents, each behind a line that says what to do with it."""

    def post(self, request: Request, index: str | None = None) -> HttpResponse:
        """200, with a status for each document."""
        began, asked, mapping = time.monotonic(), request._request, mapping_of(request)
        with body_of(asked, mapping.agent_id, MAX_BATCH_BODY) as body:
            actions = _actions(body, index)
            ids = Ids.of(mapping.agent_id, body, asked.headers.get("Idempotency-Key"))

            def read(place: int) -> Submission:
                action = actions[place]
                if action.kind not in TAKEN or action.document is None:
                    raise RejectedError(FieldError("", APPEND_ONLY))
                at = action.document
                return mapping.submission(body[at.start : at.end], place, ids, _hints(action))

            outcome = deliver(asked, mapping, ids, len(actions), read, each=True)
        items = [
            {action.kind: _item(action, fate)}
            for action, fate in zip(actions, outcome.fates or (), strict=True)
        ]
        took = round((time.monotonic() - began) * 1000)
        return as_json({"took": took, "errors": outcome.rejected > 0, "items": items})


def _actions(body: bytes, index: str | None) -> list[_Action]:
    """Parse the body's actions, line by line.

    Raises:
        Refused: a line is not an action, or lacks its document.
    """
    lines = iter(framing.in_text(body))
    actions = []
    for line in lines:
        kind, target = _action(body, line)
        document = None if kind == "delete" else next(lines, None)
        if document is None and kind != "delete":
            raise _malformed(line, "no document follows it")
        named, id_text = target.get("_index", index), target.get("_id")
        actions.append(
            _Action(
                kind,
                named if isinstance(named, str) and named else None,
                id_text if isinstance(id_text, str) and id_text else None,
                document,
            )
        )
    return actions


def _action(body: bytes, line: Place) -> tuple[str, dict[str, Any]]:
    try:
        value = parse_record(body[line.start : line.end]).value
    except RejectedError as error:
        raise _malformed(line, str(error)) from None
    if not isinstance(value, dict) or len(value) != 1:
        raise _malformed(line, "an object with one of create, index, update, delete is expected")
    ((kind, target),) = value.items()
    if kind not in ACTIONS or not isinstance(target, dict):
        raise _malformed(line, "an object with one of create, index, update, delete is expected")
    return kind, target


def _malformed(line: Place, why: str) -> Refused:
    return Refused(
        MALFORMED_JSON,
        f"Malformed action/metadata line [{line.line}]: {why}",
        errors=[{"pointer": "", "line": line.line, "detail": why}],
    )


def _hints(action: _Action) -> Hints:
    return Hints(
        event_type=lambda _: action.index,
        id_text=None if action.id is None else f"{action.index or ''}\n{action.id}",
    )


def _item(action: _Action, fate: Fate | None) -> dict[str, Any]:
    """Build the response item of one document."""
    said: dict[str, Any] = {"_index": action.index or "", "_id": action.id}
    if fate is None or fate.sequence is None:
        conflict = fate is not None and fate.is_conflict
        kind = "version_conflict_engine_exception" if conflict else "document_parsing_exception"
        reason = fate.reason if fate else ""
        return said | {
            "status": 409 if conflict else 400,
            "error": {"type": kind, "reason": reason, "index": action.index or ""},
        }
    return said | {
        "_id": action.id or fate.event_id,
        "_version": 1,
        "result": "created" if fate.created else "noop",
        "_shards": {"total": 1, "successful": 1, "failed": 0},
        "_seq_no": fate.sequence,
        "_primary_term": 1,
        "status": 201 if fate.created else 200,
    }


@not_logged
@extend_schema(exclude=True)
class Info(_ElasticView):
    """The Elasticsearch version that the endpoint emulates."""

    def get(self, request: Request) -> HttpResponse:
        """Answer as an Elasticsearch node does."""
        return as_json(
            {
                "name": "audit-portal",
                "cluster_name": "audit-portal",
                "cluster_uuid": "_na_",
                "version": {
                    "number": VERSION,
                    "build_flavor": "default",
                    "build_type": "docker",
                    "build_hash": "unknown",
                    "build_date": "2024-12-11T12:08:05.663969764Z",
                    "build_snapshot": False,
                    "lucene_version": "9.12.0",
                    "minimum_wire_compatibility_version": "7.17.0",
                    "minimum_index_compatibility_version": "7.0.0",
                },
                "tagline": "You Know, for Search",
            }
        )


@not_logged
@extend_schema(exclude=True)
class License(_ElasticView):
    """The active licence: Elastic's own senders require a basic one."""

    def get(self, request: Request) -> HttpResponse:
        """A basic licence."""
        licence = {"status": "active", "type": "basic", "mode": "basic", "uid": "audit-portal"}
        return as_json({"license": licence})


@not_logged
@extend_schema(exclude=True)
class Health(_ElasticView):
    """Cluster health: green if documents are accepted."""

    def get(self, request: Request) -> HttpResponse:
        """Green, or red when the ledger is halted."""
        halted = PostgresEventStore().halt().halted
        return as_json(
            {
                "cluster_name": "audit-portal",
                "status": "red" if halted else "green",
                "timed_out": False,
                "number_of_nodes": 1,
                "number_of_data_nodes": 1,
            }
        )
