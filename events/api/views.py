"""The write endpoints of the API: one event, or a batch.

Invariant: every write goes through `AtomicEventWriter`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.exceptions import AuthenticationFailed, MethodNotAllowed
from rest_framework.request import Request
from rest_framework.views import APIView

from events.access.view_marks import writes_events
from events.api.bodies import BatchParser, EventParser, LinesParser, read_requested
from events.api.problems import INVALID_BATCH, Refused
from events.api.rendering import OrjsonRenderer, encode
from events.api.schema import (
    SENT,
    STORED,
    WRITING,
    BatchResult,
    EventToSend,
    StoredEvent,
    refusals,
)
from events.api.throttling import hold_stranger, hold_to_limit
from events.append.pending import Written
from events.append.services import shared_writer
from events.submission import MAX_BATCH, Submission

AN_EVENT = OpenApiExample("event", value=STORED, response_only=True)


class ApiView(APIView):
    """Base of every view of the API."""

    http_method_names = ["get", "head", "post"]
    narrows = False
    """True if this view omits what the caller may not see (`events.api.authentication`)."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse an unsupported method before authentication."""
        if request.method not in self.allowed_methods:
            raise MethodNotAllowed(request.method or "")
        super().initial(request, *args, **kwargs)

    def check_permissions(self, request: Request) -> None:
        """Apply the rate limit before permissions, so that it covers every request."""
        hold_to_limit(request)
        super().check_permissions(request)

    def handle_exception(self, exc: Exception) -> Any:
        """Count a wrong token against the address it comes from."""
        if isinstance(exc, AuthenticationFailed):
            try:
                hold_stranger(self.request)
            except Refused as refused:
                exc = refused
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Forbid caches to store any part of the ledger."""
        response.headers.setdefault("Cache-Control", "no-store")
        return super().finalize_response(request, response, *args, **kwargs)


@writes_events
class SubmitEvent(ApiView):
    """Record one event."""

    parser_classes = [EventParser]

    @extend_schema(
        operation_id="submit_event",
        tags=["write"],
        request=EventToSend,
        responses={
            201: OpenApiResponse(StoredEvent, "Recorded.", [AN_EVENT]),
            200: OpenApiResponse(StoredEvent, "Already recorded, with the same content."),
            **refusals(*WRITING),
        },
        examples=[OpenApiExample("event", value=SENT, request_only=True), AN_EVENT],
    )
    def post(self, request: Request) -> HttpResponse:
        """201 and the event; 200 when it is in the ledger already."""
        submission: Submission = read_requested(request, self)
        written = shared_writer().write_event(submission)
        place = f"/api/v1/events/{written.event.sequence}"
        return _answer(encode(written.event), written.created, {"Location": place})


@writes_events
class SubmitBatch(ApiView):
    """Record 1 to 1,000 events, all or nothing."""

    parser_classes = [BatchParser, LinesParser]

    @extend_schema(
        operation_id="submit_batch",
        tags=["write"],
        request={
            "application/json": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/EventToSend"},
                "minItems": 1,
                "maxItems": MAX_BATCH,
            },
            "application/x-ndjson": {"type": "string", "description": "One event a line."},
        },
        responses={
            201: OpenApiResponse(BatchResult, "Recorded; at least one was new."),
            200: OpenApiResponse(BatchResult, "All were recorded already."),
            **refusals(INVALID_BATCH, *WRITING),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """201 and where the events are; 200 when all of them were there already."""
        submissions: list[Submission] = read_requested(request, self)
        written = shared_writer().write_events(submissions)
        return _answer(orjson.dumps(_summary(written)), any(w.created for w in written))


def _answer(
    content: bytes, created: bool, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    return HttpResponse(
        content,
        status=201 if created else 200,
        content_type=OrjsonRenderer.media_type,
        headers=headers,
    )


def _summary(written: Sequence[Written]) -> dict[str, Any]:
    sequences = [w.event.sequence for w in written]
    return {
        "first_sequence": min(sequences),
        "last_sequence": max(sequences),
        "count": len(written),
        "created": sum(w.created for w in written),
        "events": [
            {
                "event_id": w.event.event_id,
                "sequence": w.event.sequence,
                "content_hash": w.event.content_hash,
            }
            for w in written
        ],
    }
