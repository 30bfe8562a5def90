"""Maps a record to a submission: event type, agent, local time and event id.

The payload is the whole record. A record that cannot be stored as it is can be wrapped as
{"line": its text, "reason": …}, or {"base64": its bytes, "reason": …} if the text cannot be stored.

Invariant: an event id depends only on source, record number and content, not on the mapping, so
that importing a file again adds nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from events.errors import CanonicalJSONError, InvalidSubmissionError
from events.format import canonical
from events.format.names import wrong_name
from events.ingest.errors import RejectedRecordError, UntakableRecordError
from events.ingest.local_time import LocalTime, TimeField
from events.ingest.paths import FieldPath, first_text
from events.ingest.presets import Preset
from events.ingest.records import Record
from events.submission import (
    Submission,
    WrongField,
    check_event_id,
    check_event_type,
    check_payload_size,
    validate,
)

_CONTEXT = b"audit-portal ingest v1\n"


def record_event_id(source: str, number: int, canonical_payload: bytes) -> str:
    """Derive a version 8 UUID (RFC 9562 section 5.8) from a record's place and content.

    The first 16 bytes of SHA-256(`audit-portal ingest v1\\n` ‖ SHA-256(source name in UTF-8) ‖
    record number as 8 bytes, big-endian ‖ SHA-256(canonical payload)), with the version and the
    variant set. The record number is the line, or the position in the array, from 1.
    """
    digest = hashlib.sha256(
        _CONTEXT
        + _source_digest(source)
        + number.to_bytes(8, "big")
        + hashlib.sha256(canonical_payload).digest()
    ).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


@lru_cache(maxsize=64)
def _source_digest(source: str) -> bytes:
    return hashlib.sha256(source.encode("utf-8", "surrogateescape")).digest()


REJECTED_TYPE = "log.rejected"


@dataclass(frozen=True, slots=True)
class Wrapping:
    """Event type and agent of wrapped records."""

    event_type: str
    agent: str

    def submission(self, record: Record, reason: str, source: str) -> Submission | None:
        """Wrap an unstorable record; None if it is empty or too long. The event id is derived from
        the record without the reason, as for lines of text."""
        raw = record.original.removesuffix(b"\r")
        if not raw:
            return None
        kept = _kept(raw)
        try:
            payload = canonical.canonicalize({**kept, "reason": reason})
            check_event_type(self.event_type, self.agent)
            check_payload_size(payload)
        except (WrongField, CanonicalJSONError):
            return None
        return Submission(
            event_type=self.event_type,
            canonical_payload=payload,
            agent_id=self.agent,
            event_id=record_event_id(source, record.number, canonical.canonicalize(kept)),
        )


def _kept(raw: bytes) -> dict[str, str]:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return {"base64": base64.b64encode(raw).decode()}
    return {"line": text}


DEFAULT_TYPE = "log.line"

_ANY_TIME = "1970-01-01T00:00:00Z"
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Mapping:
    """Defines where the fields of an event come from.

    Named fields take precedence over those of the preset, and both over the constants `event_type`
    and `agent`. `type_prefix` is prepended to types read from fields. Without `local_time`, or if
    a record has none of its fields, the clock of the writing process is used. Anybody may write
    an agent's name into a log: if `own_name` is False for it, the event is recorded for `agent`.
    """

    preset: Preset | None = None
    type_fields: tuple[FieldPath, ...] = ()
    agent_fields: tuple[FieldPath, ...] = ()
    event_type: str | None = None
    type_prefix: str = ""
    agent: str | None = None
    id_field: FieldPath | None = None
    local_time: LocalTime | None = None
    own_name: Callable[[str], bool] | None = None

    def submission(
        self, text: bytes, *, source: str, number: int, identity: bytes | None = None
    ) -> Submission:
        """Map a record's JSON text. The event id is derived from `identity` if given, otherwise
        from the payload.

        Raises:
            RejectedRecordError: the record cannot be ingested; the message gives the reason.
        """
        try:
            quick = canonical.read(text)
            if quick is not None:
                return self._certain(*quick, source, number, identity)
        except WrongField:
            pass  # the full validation below reports everything that is wrong
        try:
            record, plain = canonical.parse(text)
            submission = self._map(record, plain)
            return self._named(submission, source, number, identity)
        except CanonicalJSONError as error:
            raise UntakableRecordError(str(error)) from None
        except InvalidSubmissionError as error:
            if all(wrong.pointer.startswith("/payload") for wrong in error.errors):
                raise UntakableRecordError(_reasons(error)) from None
            raise RejectedRecordError(_reasons(error)) from None

    def _certain(
        self, record: Any, payload: bytes, source: str, number: int, identity: bytes | None
    ) -> Submission:
        """Fast path of `_map` and `_named` for a record whose canonical form is known."""
        agent_id = self._agent(record)
        named_id = self._named_id(record)
        moment = self.local_time.read(record, self._times()) if self.local_time else None
        event_type = self._event_type(record)
        _check_type(event_type)
        check_payload_size(payload)
        return Submission(
            event_type=event_type,
            canonical_payload=payload,
            agent_id=agent_id,
            local_timestamp=moment,
            event_id=check_event_id(named_id)
            or record_event_id(source, number, identity or payload),
        )

    def _map(self, record: Any, plain: bool) -> Submission:
        agent_id = self._agent(record)
        named_id = self._named_id(record)
        moment = self.local_time.read(record, self._times()) if self.local_time else None
        submission = validate(
            {
                "event_type": self._event_type(record),
                "payload": record,
                "event_id": named_id,
                "local_timestamp": _ANY_TIME,
            },
            agent_id=agent_id,
            plain=plain,
        )
        return replace(submission, local_timestamp=moment)

    def _named(
        self, submission: Submission, source: str, number: int, identity: bytes | None
    ) -> Submission:
        if submission.event_id is not None:
            return submission
        content = identity or submission.canonical_payload
        return replace(submission, event_id=record_event_id(source, number, content))

    def _times(self) -> tuple[TimeField, ...]:
        return self.preset.times if self.preset else ()

    def _event_type(self, record: Any) -> str:
        found = first_text(self.type_fields, record)
        if found is None and self.preset:
            found = self.preset.event_type(record)
        if found is not None:
            return self.type_prefix + found.strip(" ")
        if self.event_type is None:
            raise RejectedRecordError(f"no event type: {self._sought(self.type_fields, 'type')}")
        return self.event_type

    def _agent(self, record: Any) -> str:
        found = first_text(self.agent_fields, record)
        if found is None and self.preset:
            found = self.preset.agent(record)
        if found is not None and self.own_name and not self.own_name(found.strip(" ")):
            found = None
        if found is None and self.agent is None:
            raise RejectedRecordError(f"no agent: {self._sought(self.agent_fields, 'agent')}")
        agent = (found or self.agent or "").strip(" ")
        if wrong := _wrong_name(agent):
            raise RejectedRecordError(f"the agent's name {_shortened(agent)} {wrong}")
        return agent

    def _named_id(self, record: Any) -> str | None:
        if self.id_field is None:
            return None
        found = self.id_field.find_text(record)
        if found is None:
            raise RejectedRecordError(f"no event id: {self.id_field.text} is not there")
        return found

    def _sought(self, fields: tuple[FieldPath, ...], option: str) -> str:
        places = [path.text for path in fields]
        if self.preset:
            places.append(f"what the preset {self.preset.name} looks for")
        return f"{' and '.join(places)} is not there; --{option} NAME would stand in for it"


_wrong_name = lru_cache(maxsize=4096)(wrong_name)


@lru_cache(maxsize=4096)
def _check_type(event_type: str) -> str:
    return check_event_type(event_type, "an agent")


def _reasons(error: InvalidSubmissionError) -> str:
    return "; ".join(f"{wrong.pointer}: {wrong.detail}" for wrong in error.errors)


def _shortened(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
