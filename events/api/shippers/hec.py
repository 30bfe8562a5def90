"""Splunk's HTTP Event Collector: addresses, bodies and response codes.

The payload is the whole object with `event`, `time`, `host` and any other members; `sourcetype` is
the type.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from events.access.view_marks import not_logged, writes_events
from events.api.bodies import MAX_BATCH_BODY, body_of
from events.api.problems import (
    FORBIDDEN,
    INTERNAL_ERROR,
    MALFORMED_JSON,
    UNAUTHENTICATED,
    Refused,
)
from events.api.shippers import framing
from events.api.shippers.ingest import line_of
from events.api.shippers.intake import Outcome, Read
from events.api.shippers.mapping import Hints, Ids, RejectedError, TokenMapping, parse_record
from events.api.shippers.protocol import ShipperView, as_json, deliver, mapping_of
from events.errors import FieldError
from events.format import canonical
from events.store.ledger import PostgresEventStore
from events.submission import Submission

SUCCESS = {"text": "Success", "code": 0}
REQUIRED, BLANK = "Event field is required", "Event field cannot be blank"
INVALID = "Invalid data format"
_CODES = {REQUIRED: 12, BLANK: 13}

METADATA = ("host", "source", "sourcetype", "index", "time")
"""Query parameters that give raw lines the metadata that an event carries itself."""


def _text_at(name: str) -> Any:
    def read(record: Any) -> str | None:
        value = record.get(name)
        return value if isinstance(value, str) and value else None

    return read


HINTS = Hints(event_type=_text_at("sourcetype"), agent=_text_at("host"))


class _HecView(ShipperView):
    """Answers with HEC's texts and codes."""

    def refuse(self, refused: Refused, request: HttpRequest) -> HttpResponse:
        """Build a refusal: `text` and `code` are HEC's, `detail` is ours."""
        status, code, text = _said(refused, request)
        return as_json({"text": text, "code": code, "detail": refused.detail}, status)


def _said(refused: Refused, request: HttpRequest) -> tuple[int, int, str]:
    """Return the status, code and text for a refusal."""
    problem = refused.problem
    if problem is UNAUTHENTICATED:
        if not request.META.get("HTTP_AUTHORIZATION"):
            return 401, 2, "Token is required"
        return 403, 4, "Invalid token"
    if problem is FORBIDDEN:
        return 403, 1, "Token disabled"
    if problem is MALFORMED_JSON and "empty" in refused.detail:
        return 400, 5, "No data"
    if problem is INTERNAL_ERROR:
        return 500, 8, "Internal server error"
    if problem.status >= 500 or problem.status == 429:
        return 503, 9, "Server is busy"
    return problem.status, 6, INVALID


@writes_events
@extend_schema(exclude=True)
class CollectorEvent(_HecView):
    """Objects with `event`, one after another."""

    def post(self, request: Request) -> HttpResponse:
        """Code 0 when every event is in the ledger. Otherwise the good ones are, and the answer
        names the first other one."""
        asked, mapping = request._request, mapping_of(request)
        with body_of(asked, mapping.agent_id, MAX_BATCH_BODY) as body:
            places = framing.in_json(body)
            ids = Ids.of(mapping.agent_id, body, asked.headers.get("Idempotency-Key"))

            def read(place: int) -> Submission:
                at = places[place]
                return _event(body[at.start : at.end], place, mapping, ids)

            return _deliver(asked, mapping, ids, len(places), read)


@writes_events
@extend_schema(exclude=True)
class CollectorRaw(_HecView):
    """Lines of text, with what the address says of them."""

    def post(self, request: Request) -> HttpResponse:
        """As `CollectorEvent.post`."""
        asked, mapping = request._request, mapping_of(request)
        said = {name: asked.GET[name] for name in METADATA if name in asked.GET}
        with body_of(asked, mapping.agent_id, MAX_BATCH_BODY) as body:
            places = framing.in_text(body)
            seed = body + b"\n" + canonical.canonicalize(said) if said else body
            ids = Ids.of(mapping.agent_id, seed, asked.headers.get("Idempotency-Key"))

            def read(place: int) -> Submission:
                at = places[place]
                record = {"line": line_of(body[at.start : at.end]), **said}
                return mapping.of_record(record, place, ids, HINTS)

            return _deliver(asked, mapping, ids, len(places), read)


def _event(text: bytes, place: int, mapping: TokenMapping, ids: Ids) -> Submission:
    record, plain = parse_record(text)
    if isinstance(record, dict):
        event = record.get("event")
        if event is None:
            raise RejectedError(FieldError("/event", REQUIRED))
        if event == "":
            raise RejectedError(FieldError("/event", BLANK))
    return mapping.of_record(record, place, ids, HINTS, plain=plain)


def _deliver(
    request: HttpRequest, mapping: TokenMapping, ids: Ids, count: int, read: Read
) -> HttpResponse:
    if not count:
        raise Refused(MALFORMED_JSON, "the body is empty")
    outcome = deliver(request, mapping, ids, count, read)
    return as_json(SUCCESS) if not outcome.rejected else _partly(outcome)


def _partly(outcome: Outcome) -> HttpResponse:
    first = outcome.errors[0]
    text = first["detail"] if first["detail"] in _CODES else INVALID
    return as_json(
        {
            "text": text,
            "code": _CODES.get(text, 6),
            "invalid-event-number": first["index"],
            "detail": first["detail"],
            "taken": outcome.taken,
            "rejected": outcome.rejected,
        },
        400,
    )


@not_logged
@extend_schema(exclude=True)
class CollectorHealth(_HecView):
    """Health check without a token."""

    permission_classes = [AllowAny]

    def get(self, request: Request) -> HttpResponse:
        """Answer 200, or 503 when the ledger is halted."""
        if PostgresEventStore().halt().halted:
            return as_json({"text": "HEC is unhealthy, queues are full", "code": 18}, 503)
        return as_json({"text": "HEC is healthy", "code": 17})
