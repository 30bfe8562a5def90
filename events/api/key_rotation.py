"""The endpoint by which an agent replaces the key that it holds itself.

The old key signs the registration of the new one, so nobody else's decision is needed, and the
database verifies both signatures (`events/sql/018_key_history.sql`).
"""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from events.access.view_marks import writes_events
from events.api.authentication import agent_of
from events.api.bodies import Parser, read_requested
from events.api.problems import (
    FORBIDDEN,
    HALTED,
    HEAD_MISMATCH,
    INVALID_KEY,
    LEDGER_LOCKED,
    LENGTH_REQUIRED,
    MALFORMED_JSON,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    WITNESS_UNAVAILABLE,
    Refused,
)
from events.api.rendering import OrjsonRenderer
from events.api.schema import KeyToRegister, RegisteredKey, refusals
from events.api.views import ApiView
from events.format.canonical import parse
from events.registrar import registrar

FIELDS = ("key_id", "public_key", "proof", "replaces", "replaced_proof")
MAX_BODY = 2**14


class RegistrationParser(Parser):
    """A registration as `python -m events.keys.writer_key prove` prints it."""

    media_type = "application/json"
    limit = MAX_BODY

    def read(self, body: bytes, agent_id: str | None) -> dict[str, str]:
        """The fields of the registration.

        Raises:
            CanonicalJSONError: the body is not JSON.
            Refused: a field is missing, unknown or no string.
        """
        document = parse(body).value
        if not isinstance(document, dict):
            raise Refused(INVALID_KEY, f"send a JSON object with {', '.join(FIELDS)}")
        wrong = [
            {"pointer": f"/{name}", "detail": "must be a string"}
            for name in FIELDS
            if not isinstance(document.get(name), str)
        ]
        if wrong or len(document) > len(FIELDS):
            detail = f"a registration has exactly {', '.join(FIELDS)}, all of them strings"
            raise Refused(INVALID_KEY, detail, errors=wrong)
        return document


@writes_events
class RotateKey(ApiView):
    """Replace the key that the agent of the token holds itself."""

    http_method_names = ["post"]
    parser_classes = [RegistrationParser]

    @extend_schema(
        operation_id="rotate_key",
        tags=["write"],
        request=KeyToRegister,
        responses={
            201: OpenApiResponse(RegisteredKey, "Registered; the old key is retired."),
            **refusals(
                MALFORMED_JSON,
                INVALID_KEY,
                FORBIDDEN,
                LENGTH_REQUIRED,
                TOO_LARGE,
                UNSUPPORTED_MEDIA_TYPE,
                HALTED,
                HEAD_MISMATCH,
                WITNESS_UNAVAILABLE,
                LEDGER_LOCKED,
            ),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """201 and the sequence from which the new key is valid."""
        asked: dict[str, Any] = read_requested(request, self)
        event = registrar().register_writer_key(str(agent_of(request)), **asked)
        answer = {
            "key_id": asked["key_id"],
            "public_key": asked["public_key"],
            "from_sequence": event.sequence + 1,
            "replaces": asked["replaces"],
        }
        return HttpResponse(
            orjson.dumps(answer), status=201, content_type=OrjsonRenderer.media_type
        )
