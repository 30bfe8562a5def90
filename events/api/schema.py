"""OpenAPI description of requests and responses.

These serializers only document; `events.submission` validates. A test proves that both name the
same fields.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema_field
from rest_framework import serializers

from events.api import problems
from events.api.problems import Problem
from events.format.names import MAX_NAME

BASE64_SIGNATURE = "Ed25519 signature, standard base64 of 64 bytes."
EXAMPLE_ID = "0191d7a0-0000-7000-8000-000000000001"

SENT = {
    "event_type": "user.login",
    "payload": {"user": "u-1093", "method": "totp", "attempt": 1},
    "local_timestamp": "2026-01-31T12:00:00+02:00",
    "event_id": EXAMPLE_ID,
}
STORED = {
    "event_id": EXAMPLE_ID,
    "sequence": 1,
    "event_type": "user.login",
    "payload": {"attempt": 1, "method": "totp", "user": "u-1093"},
    "prev_hash": "0" * 64,
    "content_hash": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
    "signature": "A" * 86 + "==",
    "hash_alg_version": 1,
    "sig_alg_version": 1,
    "agent_id": "agent-7",
    "witness_id": "WITNESS:alpha",
    "witness_signature": "B" * 86 + "==",
    "local_timestamp": "2026-01-31T10:00:00.000000Z",
    "authority_timestamp": "2026-01-31T10:00:00.041872Z",
    "signing_key_id": "agent-7-40aa6441ccf8",
    "payload_hash": "7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730",
    "payload_salt": "c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a3960714caef0c4f2",
}
REFUSAL = {
    "type": problems.INVALID_EVENT.type,
    "title": problems.INVALID_EVENT.title,
    "status": 400,
    "detail": "/local_timestamp: the offset is missing; end it with Z, or with +02:00",
    "instance": "/api/v1/events",
    "errors": [
        {
            "pointer": "/local_timestamp",
            "detail": "the offset is missing; end it with Z, or with +02:00",
        }
    ],
}


@extend_schema_field({"description": "Any JSON value."})
class AnyValueField(serializers.JSONField):
    """A payload."""


class HashField(serializers.CharField):
    """Lowercase hex of 32 bytes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=64, max_length=64, **kwargs)


class EventToSend(serializers.Serializer[Any]):
    """One event to record, of the agent that the token is bound to."""

    event_type = serializers.CharField(max_length=MAX_NAME, help_text="Printable characters.")
    payload = AnyValueField(help_text="Any JSON value of at most 1 MiB in canonical form.")
    local_timestamp = serializers.DateTimeField(
        help_text="The writer's clock, RFC 3339 with an offset."
    )
    event_id = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="Any UUID; makes sending again safe. Generated if left out.",
    )
    payload_salt = HashField(
        required=False,
        allow_null=True,
        help_text="Only of an agent that holds its own key: 32 random bytes in hex.",
    )
    signing_key_id = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=MAX_NAME,
        help_text="Only of an agent that holds its own key: the name of the key.",
    )
    signature = serializers.CharField(
        required=False,
        allow_null=True,
        help_text=f"Only of an agent that holds its own key. {BASE64_SIGNATURE}",
    )


class KeyToRegister(serializers.Serializer[Any]):
    """The successor of a key that its writer holds."""

    key_id = serializers.CharField(help_text="Its name, never used before.")
    public_key = serializers.CharField(help_text="Standard base64 of 32 bytes.")
    proof = serializers.CharField(help_text=f"The new key's. {BASE64_SIGNATURE}")
    replaces = serializers.CharField(help_text="The name of the agent's active key.")
    replaced_proof = serializers.CharField(
        help_text=f"The old key's, over the same bytes. {BASE64_SIGNATURE}"
    )


class RegisteredKey(serializers.Serializer[Any]):
    """A key that was registered."""

    key_id = serializers.CharField()
    public_key = serializers.CharField()
    from_sequence = serializers.IntegerField(
        min_value=1, help_text="The first sequence that it may sign."
    )
    replaces = serializers.CharField()


class StoredEvent(serializers.Serializer[Any]):
    """An event of the ledger: its columns by name."""

    event_id = serializers.UUIDField()
    sequence = serializers.IntegerField(
        min_value=1, help_text="The position in the ledger, without gaps."
    )
    event_type = serializers.CharField()
    payload = AnyValueField(help_text="Canonical JSON; 64-bit integers exact.")
    prev_hash = HashField(help_text="content_hash of the event before; 64 zeros for the first.")
    content_hash = HashField(help_text="RFC 6962 leaf hash of what is signed.")
    signature = serializers.CharField(help_text=f"The agent's. {BASE64_SIGNATURE}")
    hash_alg_version = serializers.IntegerField()
    sig_alg_version = serializers.IntegerField()
    agent_id = serializers.CharField(allow_null=True, help_text="Null for the system itself.")
    witness_id = serializers.CharField()
    witness_signature = serializers.CharField(help_text=f"The witness's. {BASE64_SIGNATURE}")
    local_timestamp = serializers.DateTimeField(help_text="The writer's clock; informative.")
    authority_timestamp = serializers.DateTimeField(help_text="The database's clock; informative.")
    signing_key_id = serializers.CharField()
    payload_hash = HashField(help_text="SHA-256 of salt and canonical payload.")
    payload_salt = HashField(help_text="32 random bytes.")


class PlaceInLedger(serializers.Serializer[Any]):
    """Position of one event of a batch."""

    event_id = serializers.UUIDField()
    sequence = serializers.IntegerField(min_value=1)
    content_hash = HashField()


class BatchResult(serializers.Serializer[Any]):
    """Positions of a batch's events, in the order in which they were sent."""

    first_sequence = serializers.IntegerField(min_value=1, help_text="The lowest of them.")
    last_sequence = serializers.IntegerField(min_value=1, help_text="The highest of them.")
    count = serializers.IntegerField(min_value=1, help_text="Events in the batch.")
    created = serializers.IntegerField(help_text="Number that were newly added.")
    events = PlaceInLedger(many=True)


class WrongPart(serializers.Serializer[Any]):
    """One error and its location."""

    detail = serializers.CharField()
    pointer = serializers.CharField(
        required=False, help_text="RFC 6901 pointer into the event; empty for the whole event."
    )
    parameter = serializers.CharField(required=False, help_text="Name of a query parameter.")
    index = serializers.IntegerField(required=False, help_text="Event of a batch, from 0.")
    line = serializers.IntegerField(required=False, help_text="Line of NDJSON, from 1.")


class IngestResult(serializers.Serializer[Any]):
    """Result for the records of a body."""

    received = serializers.IntegerField(min_value=1, help_text="Records in the body.")
    created = serializers.IntegerField(help_text="Number that were newly added.")
    already_there = serializers.IntegerField(help_text="Number found by their ids.")
    rejected = serializers.IntegerField(help_text="Number that are not in the ledger.")
    first_sequence = serializers.IntegerField(min_value=1, allow_null=True)
    last_sequence = serializers.IntegerField(min_value=1, allow_null=True)
    errors = WrongPart(many=True, help_text="At most 100 of them.")  # type: ignore[assignment]


class ProblemDetail(serializers.Serializer[Any]):
    """A refusal (RFC 9457)."""

    type = serializers.ChoiceField([problem.type for problem in problems.PROBLEMS])
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField(help_text="The requested address.")
    errors = WrongPart(many=True, required=False, help_text="At most 100 of them.")  # type: ignore[assignment]


WRONG_FIELD = OpenApiExample("wrong field", value=REFUSAL)
EVERYWHERE = (
    problems.UNAUTHENTICATED,
    problems.NOT_ACCEPTABLE,
    problems.TOO_MANY_REQUESTS,
    problems.INTERNAL_ERROR,
    problems.BUSY,
    problems.DATABASE_UNAVAILABLE,
)
READING = (problems.INVALID_PARAMETER, problems.FORBIDDEN)
WRITING = (
    problems.MALFORMED_JSON,
    problems.INVALID_EVENT,
    problems.FORBIDDEN,
    problems.SIGNATURE_REQUIRED,
    problems.EVENT_ID_CONFLICT,
    problems.LENGTH_REQUIRED,
    problems.TOO_LARGE,
    problems.UNSUPPORTED_MEDIA_TYPE,
    problems.HALTED,
    problems.HEAD_MISMATCH,
    problems.KEY_UNAVAILABLE,
    problems.WITNESS_UNAVAILABLE,
    problems.QUEUE_FULL,
    problems.APPEND_REFUSED,
    problems.UNREADABLE_EVENT,
)


def refusals(*kinds: Problem) -> dict[Any, Any]:
    """Return the responses for these refusals and for those that any address may give."""
    by_status: dict[int, list[Problem]] = {}
    for kind in (*kinds, *EVERYWHERE):
        by_status.setdefault(kind.status, []).append(kind)
    return {
        (status, problems.MEDIA_TYPE): OpenApiResponse(
            ProblemDetail,
            description="; ".join(f"`{kind.name}`: {kind.title}" for kind in of_status),
            examples=[WRONG_FIELD] if problems.INVALID_EVENT in of_status else [],
        )
        for status, of_status in by_status.items()
    }


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """A token from `manage.py issue_token`."""

    target_class = "events.api.authentication.BearerAuthentication"
    name = "bearerToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Bound to one agent, or to reading."""
        return {"type": "http", "scheme": "bearer"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The session of somebody who is signed in and may read, for reading only."""

    target_class = "events.api.authentication.ReaderSession"
    name = "readerSession"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """The portal's own cookie."""
        from django.conf import settings

        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}

    def get_security_requirement(self, auto_schema: Any) -> Any:
        """Return None for operations that write: sessions may only read."""
        return {self.name: []} if auto_schema.method == "GET" else None
