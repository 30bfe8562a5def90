"""Maps a record to a submission as the token says: type, agent, id and time.

The payload is the whole record. A field that the token names comes first, then what the preset or
the protocol knows, then the token's constants.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from events.api.event_bodies import TOO_LARGE
from events.errors import CanonicalJSONError, FieldError, InvalidSubmissionError
from events.format import canonical
from events.format.canonical import Document
from events.format.names import wrong_name
from events.ingest.errors import RejectedRecordError
from events.ingest.local_time import LocalTime, TimeField, parse_fields
from events.ingest.paths import FieldPath, parse_path
from events.ingest.presets import Preset
from events.ingest.time_texts import parse_zone
from events.models import ApiToken
from events.submission import Submission, is_too_large, validate

DEFAULT_TYPE = "log.line"

BODY_CONTEXT = b"audit-portal http ingest v1\n"
ID_CONTEXT = b"audit-portal http ingest id v1\n"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ANY_TIME = "1970-01-01T00:00:00Z"


class RejectedError(Exception):
    """A record is rejected; `errors` say why, with pointers into it."""

    def __init__(self, *errors: FieldError) -> None:
        self.errors = errors
        super().__init__(errors[0].detail)


@dataclass(frozen=True, slots=True)
class Ids:
    """Derives deterministic ids for a body's records, so that resending it adds nothing.

    `seed` is SHA-256(agent) ‖ SHA-256(body), the body as decompressed; with an `Idempotency-Key`
    its SHA-256 follows.
    """

    agent: bytes
    seed: bytes

    @classmethod
    def of(cls, agent_id: str, body: bytes, key: str | None = None) -> Self:
        """The ids of what a token's agent sends."""
        agent = _digest(agent_id.encode())
        seed = agent + _digest(body)
        return cls(agent, seed if key is None else seed + _digest(key.encode(errors="replace")))

    def of_place(self, place: int) -> str:
        """A version 8 UUID (RFC 9562 section 5.8): the first 16 bytes of SHA-256(`audit-portal http
        ingest v1\\n` ‖ seed ‖ place from 0 as 8 bytes, big-endian)."""
        return _uuid(_digest(BODY_CONTEXT + self.seed + place.to_bytes(8, "big")))

    def of_text(self, text: str) -> str:
        """A UUID as it is; of another text one of SHA-256(`audit-portal http ingest id v1\\n` ‖
        SHA-256(agent) ‖ SHA-256(text)), made likewise."""
        if _UUID.fullmatch(text):
            return text.lower()
        return _uuid(_digest(ID_CONTEXT + self.agent + _digest(text.encode(errors="replace"))))


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _uuid(digest: bytes) -> str:
    value = int.from_bytes(digest[:16], "big")
    value = value & ~(0xF << 76) | 8 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=value))


@dataclass(frozen=True, slots=True)
class Hints:
    """Metadata of a record from the protocol, beside the token: type, id, host, times."""

    event_type: Callable[[Any], str | None] | None = None
    id_text: str | None = None
    agent: Callable[[Any], str | None] | None = None
    times: tuple[TimeField, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenMapping:
    """A token's mapping for the records that come with it."""

    agent_id: str
    event_type: str | None = None
    type_field: FieldPath | None = None
    id_field: FieldPath | None = None
    agent_field: FieldPath | None = None
    agents_under: str | None = None
    local_time: LocalTime | None = None

    @classmethod
    def of(cls, token: ApiToken) -> Self:
        """Build the mapping from the token's row."""
        return cls(
            agent_id=str(token.agent_id),
            event_type=token.event_type,
            type_field=_path(token.type_field),
            id_field=_path(token.id_field),
            agent_field=_path(token.agent_field),
            agents_under=token.agents_under,
            local_time=_time(token),
        )

    def submission(self, text: bytes, place: int, ids: Ids, hints: Hints) -> Submission:
        """Map a record's JSON text to a submission.

        Raises:
            RejectedError: it cannot be mapped.
        """
        record, plain = parse_record(text)
        return self.of_record(record, place, ids, hints, plain=plain)

    def of_record(
        self, record: Any, place: int, ids: Ids, hints: Hints, *, plain: bool = False
    ) -> Submission:
        """Map a parsed record to a submission.

        Raises:
            RejectedError: it cannot be mapped.
        """
        if not isinstance(record, dict):
            raise RejectedError(FieldError("", "a record is a JSON object"))
        document = {
            "event_type": self._event_type(record, hints),
            "payload": record,
            "local_timestamp": _ANY_TIME,
        }
        agent_id = self._agent(record, hints)
        try:
            valid = validate(document, agent_id=agent_id, plain=plain)
        except InvalidSubmissionError as error:
            raise RejectedError(*(_in_record(wrong) for wrong in error.errors)) from None
        return Submission(
            valid.event_type,
            valid.canonical_payload,
            agent_id,
            self._moment(record, hints),
            self._event_id(record, place, ids, hints),
        )

    def _event_type(self, record: Any, hints: Hints) -> str:
        found = self.type_field.find_text(record) if self.type_field else None
        if found is None and hints.event_type is not None:
            found = hints.event_type(record)
        return found or self.event_type or DEFAULT_TYPE

    def _agent(self, record: Any, hints: Hints) -> str:
        """Return the agent under the token's prefix that the record names; else the token's own."""
        host = None
        if self.agents_under is None:
            return self.agent_id
        if self.agent_field is not None:
            host = self.agent_field.find_text(record)
        elif hints.agent is not None:
            host = hints.agent(record)
        if host is None:
            return self.agent_id
        agent_id = self.agents_under + host
        if wrong := wrong_name(agent_id):
            pointer = _pointer(self.agent_field) if self.agent_field else ""
            raise RejectedError(FieldError(pointer, f"an agent's name {wrong}"))
        return agent_id

    def _moment(self, record: Any, hints: Hints) -> datetime | None:
        """Return the time in the token's fields; None (the portal's clock) if there is none."""
        if self.local_time is None:
            return None
        try:
            return self.local_time.read(record, hints.times)
        except RejectedRecordError as error:
            raise RejectedError(FieldError("", str(error))) from None

    def _event_id(self, record: Any, place: int, ids: Ids, hints: Hints) -> str:
        if self.id_field is None:
            text = hints.id_text
        else:
            text = self.id_field.find_text(record)
            if text is None:
                raise RejectedError(FieldError(_pointer(self.id_field), "is not there: no id"))
        return ids.of_place(place) if text is None else ids.of_text(text)


def parse_record(text: bytes) -> Document:
    """Parse a record's JSON text.

    Raises:
        RejectedError: it is not JSON that the ledger accepts.
    """
    if is_too_large(text):
        raise RejectedError(FieldError("", TOO_LARGE))
    try:
        return canonical.parse(text)
    except CanonicalJSONError as error:
        raise RejectedError(FieldError(error.path, error.reason)) from None


def of_preset(preset: Preset | None) -> Hints:
    """Return the preset's hints for its records."""
    return Hints(event_type=preset.event_type, times=preset.times) if preset else Hints()


def _path(text: str | None) -> FieldPath | None:
    return parse_path(text) if text else None


def _time(token: ApiToken) -> LocalTime | None:
    if not token.local_time:
        return None
    zone = parse_zone(token.local_zone) if token.local_zone else None
    fields = parse_fields([token.local_time])
    return LocalTime(fields, zone, token.local_time_unit, any_time=True, any_preset=True)


def _in_record(wrong: FieldError) -> FieldError:
    """Translate the pointer of a submission's field into one into the record."""
    if wrong.pointer.startswith("/payload"):
        return FieldError(wrong.pointer.removeprefix("/payload"), wrong.detail)
    return FieldError("", f"{wrong.pointer.removeprefix('/')} {wrong.detail}")


def _pointer(path: FieldPath) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path.steps)
