"""`POST /api/v1/ingest`: any JSON records, or lines of text, become payloads as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from events.access.refusals import note_refusal
from events.access.view_marks import writes_events
from events.api.bodies import LINES, MAX_BATCH_BODY, body_of, check_charset
from events.api.problems import (
    INVALID_BATCH,
    INVALID_EVENT,
    MALFORMED_JSON,
    NOT_FOUND,
    UNSUPPORTED_MEDIA_TYPE,
    Refused,
    refusal,
)
from events.api.rendering import OrjsonRenderer
from events.api.schema import WRITING, IngestResult, refusals
from events.api.shippers import framing
from events.api.shippers.framing import Place
from events.api.shippers.intake import Intake, Outcome, Read
from events.api.shippers.mapping import Hints, Ids, RejectedError, TokenMapping, of_preset
from events.api.views import ApiView
from events.errors import FieldError
from events.ingest.presets import PRESETS, Preset
from events.submission import Submission

SEQUENCE = "application/json-seq"
TEXT = "text/plain"

PREFER = OpenApiParameter(
    "Prefer",
    str,
    OpenApiParameter.HEADER,
    description="`handling=strict`: all of at most 1,000 records, or none (RFC 7240).",
)
KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Distinguishes this body from another with the same content. Sending it again with "
    "the same key finds the same records.",
)
RECORDS: Any = {
    "application/json": {"description": "Objects one after another, or arrays of them."},
    LINES[0]: {"type": "string", "description": "One object a line."},
    TEXT: {"type": "string", "description": "One record a line."},
}
RESPONSES: Any = {
    200: OpenApiResponse(IngestResult, "Every record is in the ledger."),
    207: OpenApiResponse(IngestResult, "Some are; `errors` names those that are not."),
    **refusals(INVALID_BATCH, *WRITING),
}


@writes_events
class Ingest(ApiView):
    """Record whatever a log shipper sends, each record as the payload of an event."""

    @extend_schema(
        operation_id="ingest",
        tags=["write"],
        parameters=[PREFER, KEY],
        request=RECORDS,
        responses=RESPONSES,
    )
    def post(self, request: Request) -> HttpResponse:
        """200 when every record is in the ledger, 207 when some are."""
        return take(request, None)


@writes_events
class IngestPreset(ApiView):
    """The same for records of a kind that the portal knows."""

    @extend_schema(
        operation_id="ingest_preset",
        tags=["write"],
        parameters=[
            OpenApiParameter("preset", str, OpenApiParameter.PATH, enum=list(PRESETS)),
            PREFER,
            KEY,
        ],
        request=RECORDS,
        responses=refusals(NOT_FOUND, INVALID_BATCH, *WRITING)
        | {status: RESPONSES[status] for status in (200, 207)},
    )
    def post(self, request: Request, preset: str) -> HttpResponse:
        """200 when every record is in the ledger, 207 when some are."""
        if preset not in PRESETS:
            raise Refused(NOT_FOUND, f"unknown preset; known are {', '.join(PRESETS)}")
        return take(request, PRESETS[preset])


def take(request: Request, preset: Preset | None) -> HttpResponse:
    """Read the body, write its records and report the outcome."""
    token: Any = request.auth  # of an agent, or the permissions had refused it
    asked = request._request
    frame = _framing(asked)
    strict = _wants_strict(asked)
    with body_of(asked, token.agent_id, MAX_BATCH_BODY) as body:
        places = frame(body)
        if not places:
            raise Refused(MALFORMED_JSON, "the body has no record")
        mapping = TokenMapping.of(token)
        ids = Ids.of(mapping.agent_id, body, asked.headers.get("Idempotency-Key"))
        read = _reader(body, places, mapping, ids, of_preset(preset), frame is framing.in_text)
        outcome = Outcome(len(places))
        intake = Intake(mapping, ids, outcome, [place.line for place in places])
        run(intake, read, strict=strict)
        if not outcome.taken:
            raise intake.none_taken("none was written")
    headers = {"Preference-Applied": "handling=strict"} if strict else {}
    return answer(asked, outcome, headers)


def run(intake: Intake, read: Read, *, strict: bool = False) -> None:
    """Write the records of a body; a refusal says how many of them are in the ledger.

    Raises:
        Refused: the ledger takes no more, or, in strict mode, a record is rejected.
    """
    outcome = intake.outcome
    try:
        (intake.take_all if strict else intake.take)(read)
    except Exception as error:
        refused = refusal(error)
        refused.members["taken"] = outcome.taken
        if refused is error:
            raise
        raise refused from error


def answer(request: HttpRequest, outcome: Outcome, headers: Mapping[str, str]) -> HttpResponse:
    """Answer 200 or 207; rejected records are named in the log line too."""
    note_partial(request, outcome)
    return HttpResponse(
        orjson.dumps(outcome.as_dict()),
        status=HTTPStatus.MULTI_STATUS if outcome.rejected else HTTPStatus.OK,
        content_type=OrjsonRenderer.media_type,
        headers=headers,
    )


def note_partial(request: HttpRequest, outcome: Outcome) -> None:
    """Record that some records of a body were rejected and the others written."""
    if outcome.rejected:
        note_refusal(request, INVALID_EVENT.name, outcome.errors, outcome.rejected, of_records=True)


def _framing(request: HttpRequest) -> Callable[[bytes], list[Place]]:
    media_type = (request.content_type or "").lower()
    if media_type in LINES:
        frame = framing.in_lines
    elif media_type == TEXT:
        frame = framing.in_text
    elif media_type in ("application/json", "text/json", SEQUENCE) or media_type.endswith("+json"):
        frame = framing.in_json
    else:
        named = f"not {media_type}" if media_type else "and say so in Content-Type"
        raise Refused(
            UNSUPPORTED_MEDIA_TYPE, f"send application/json, {LINES[0]} or {TEXT}, {named}"
        )
    check_charset(request)
    return frame


def _wants_strict(request: HttpRequest) -> bool:
    """Return the first `handling` preference in `Prefer` (RFC 7240 section 2)."""
    for preference in request.headers.get("Prefer", "").split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "handling":
            return value.strip().strip('"').lower() == "strict"
    return False


def _reader(
    body: bytes,
    places: list[Place],
    mapping: TokenMapping,
    ids: Ids,
    hints: Hints,
    is_text: bool,
) -> Read:
    def of_json(place: int) -> Submission:
        at = places[place]
        return mapping.submission(body[at.start : at.end], place, ids, hints)

    def of_text(place: int) -> Submission:
        at = places[place]
        return mapping.of_record({"line": line_of(body[at.start : at.end])}, place, ids, hints)

    return of_text if is_text else of_json


def line_of(text: bytes) -> str:
    """Return a line of text without its line end.

    Raises:
        RejectedError: it is not UTF-8.
    """
    try:
        return text.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise RejectedError(FieldError("", f"not UTF-8: byte {error.start} is wrong")) from None
