"""Validates submissions field by field before any lock is taken, with a fast path for valid ones.

Every malformed field is reported as `InvalidSubmissionError`. The fast path (`parse_…_fast`)
decodes an event into its fields without an object for each JSON value; the payload stays text
until `canonicalize_text` reads it, once. It never refuses: where it is not certain it returns None,
and `canonical.parse` with `validate` decides. The decoder knows no other fields and types; what it
accepts and we do not (a repeated key, nesting too deep for the whole body) is caught by length and
by count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from events.errors import CanonicalJSONError, FieldError, InvalidSubmissionError, TimestampError
from events.format import canonical, ed25519, names
from events.format.event import ERASED_SALT
from events.format.timestamps import format_timestamp, parse_timestamp

MAX_PAYLOAD_BYTES = 2**20
MAX_EXPANSION = 4 * 2**20
"""Digits that the database may add to one payload by writing exponents out."""

MAX_UNKNOWN = 100
"""Unknown fields that are reported for one event; a body has room for millions."""

SIGNED = ("payload_salt", "signing_key_id", "signature")
"""The fields of a writer that signs its own events: all three or none."""

FIELDS = ("event_type", "payload", "local_timestamp", "event_id", *SIGNED)

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SALT = re.compile(r"[0-9a-f]{64}")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class WriterSignature:
    """The signature that a writer made of its own submission, with the key and the salt that it
    chose: 64 and 32 bytes."""

    key_id: str
    salt: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """One event to record.

    `agent_id` None is the system. `local_timestamp` None takes the clock of the writing process.
    `event_id` None generates one; given, it makes the write idempotent. `signed` None lets the
    portal sign for the agent.
    """

    event_type: str
    canonical_payload: bytes
    agent_id: str | None
    local_timestamp: datetime | None = None
    event_id: str | None = None
    signed: WriterSignature | None = None


def validate(
    document: Any, *, agent_id: str | None, index: int | None = None, plain: bool = False
) -> Submission:
    """Build a submission from a parsed JSON document of the HTTP contract.

    `index` is its place in a batch, for the errors; `plain` is `canonical.Document.plain`.

    Raises:
        InvalidSubmissionError: with every wrong field by its RFC 6901 pointer.
    """
    if not isinstance(document, Mapping):
        kind = "null" if document is None else type(document).__name__
        raise InvalidSubmissionError(
            [FieldError("", f"an event is a JSON object, not {kind}", index)]
        )
    problems = _Problems(index)
    for name in document:
        if len(problems.errors) >= MAX_UNKNOWN:
            break
        if name not in FIELDS:
            problems.add(f"/{_escape(name)}", f"unknown field; an event has {', '.join(FIELDS)}")
    is_signed = any(document.get(name) is not None for name in SIGNED)
    submission = Submission(
        event_type=problems.take(
            "/event_type", check_event_type, document.get("event_type", _MISSING), agent_id
        ),
        canonical_payload=problems.take(
            "/payload", check_payload, document.get("payload", _MISSING), plain
        ),
        agent_id=agent_id,
        local_timestamp=problems.take(
            "/local_timestamp",
            check_local_timestamp,
            document.get("local_timestamp", _MISSING),
            is_signed,
        ),
        event_id=problems.take("/event_id", check_event_id, document.get("event_id"), is_signed),
        signed=_take_signature(problems, document) if is_signed else None,
    )
    problems.raise_any()
    return submission


def check_event_type(value: Any, agent_id: str | None) -> str:
    """Check a type: 1 to 200 printable characters, and neither a reserved type nor a look-alike of
    one."""
    if value is _MISSING:
        raise WrongField("is required")
    if not isinstance(value, str):
        raise WrongField("must be a string")
    if wrong := names.wrong_text(value, names.MAX_NAME):
        raise WrongField(wrong)
    if agent_id is not None and (reserved := names.imitated_type(value)):
        raise WrongField(_reserved(value, reserved))
    return value


def _reserved(value: str, reserved: str) -> str:
    if value == reserved:
        return f"the type {reserved!r} is reserved for the ledger itself"
    if not value.startswith(reserved):
        return f"types that look like {reserved!r} are reserved for the ledger itself"
    if reserved == names.CEREMONIES:
        return f"types that start with {reserved!r} are reserved for the ledger itself"
    return f"a type that starts with {reserved!r} must be ASCII, to avoid lookalikes"


def check_payload(value: Any, plain: bool = False) -> bytes:
    """Return the canonical form of a payload: any JSON value of at most 1 MiB in that form."""
    if value is _MISSING:
        raise WrongField("is required")
    return check_payload_size(canonical.canonicalize(value, plain=plain))


def check_payload_size(text: bytes) -> bytes:
    """Check the size of a canonical payload, both in this form and as JSONB writes it."""
    if len(text) > MAX_PAYLOAD_BYTES:
        raise WrongField(
            f"has {len(text):,} bytes in canonical form; at most {MAX_PAYLOAD_BYTES:,}"
        )
    if canonical.expansion(text) > MAX_EXPANSION:
        raise WrongField(
            f"has exponents that the database would write out as over {MAX_EXPANSION:,} digits"
        )
    return text


def check_local_timestamp(value: Any, is_signed: bool = False) -> datetime:
    """Parse the writer's clock: RFC 3339 with an offset. Any time in the years 1 to 9999 is
    accepted, however far off (AC4). A signed one must be in canonical form."""
    if value is _MISSING:
        raise WrongField("is required: the writer's time, with offset")
    if not isinstance(value, str):
        raise WrongField("must be a string")
    moment = parse_timestamp(value)
    if is_signed and value != (canonical_form := format_timestamp(moment)):
        raise WrongField(f"must be in the form that is signed: {canonical_form}")
    return moment


def check_event_id(value: Any, is_signed: bool = False) -> str | None:
    """Check an event id: any UUID in its usual text form; null or nothing lets the ledger generate
    one. A signed one is required, in lower case."""
    if value is None:
        if is_signed:
            raise WrongField("is required beside a signature")
        return None
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise WrongField("must be a UUID such as 0191d7a0-0000-7000-8000-000000000001")
    if is_signed and value != value.lower():
        raise WrongField("must be in the form that is signed: lower case")
    return value.lower()


def check_payload_salt(value: Any) -> bytes:
    """Return the 32 bytes of a writer's own salt, given in hex."""
    if not isinstance(value, str) or not _SALT.fullmatch(value):
        raise WrongField("must be 32 random bytes as 64 lowercase hex digits" + _beside(value))
    if value == ERASED_SALT:
        raise WrongField("must be random: 64 zeros mark an erased payload")
    return bytes.fromhex(value)


def check_signing_key_id(value: Any) -> str:
    """Check the name of the key that a writer signed with."""
    if not isinstance(value, str) or not 0 < len(value) <= names.MAX_NAME:
        raise WrongField("must be the key_id of a key that you hold" + _beside(value))
    return value


def check_signature(value: Any) -> bytes:
    """Return the 64 bytes of a writer's own signature, given in base64."""
    try:
        signature = ed25519.decode(value) if isinstance(value, str) else b""
    except ed25519.SignatureError as error:
        raise WrongField(f"is {error}") from None
    if len(signature) != ed25519.SIGNATURE_BYTES:
        raise WrongField("must be 64 bytes in standard base64" + _beside(value))
    return signature


def _beside(value: Any) -> str:
    return f"; {', '.join(SIGNED)} come together" if value is None else ""


def _take_signature(problems: _Problems, document: Mapping[str, Any]) -> WriterSignature:
    salt, key_id, signature = (
        problems.take(f"/{name}", check, document.get(name))
        for name, check in zip(SIGNED, _CHECKS, strict=True)
    )
    return WriterSignature(key_id, salt, signature)


_CHECKS = (check_payload_salt, check_signing_key_id, check_signature)


class WrongField(Exception):
    """One field is malformed; the message gives the reason."""


class _Problems:
    """Collects all errors of a submission, so that a writer learns of them at once."""

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.errors: list[FieldError] = []

    def add(self, pointer: str, detail: str) -> None:
        self.errors.append(FieldError(pointer, detail, self.index))

    def take(self, pointer: str, check: Any, *values: Any) -> Any:
        try:
            return check(*values)
        except CanonicalJSONError as error:
            self.add(pointer + error.path, error.reason)
        except (WrongField, TimestampError) as error:
            self.add(pointer, str(error))
        return None

    def raise_any(self) -> None:
        if self.errors:
            raise InvalidSubmissionError(self.errors)


def _escape(name: object) -> str:
    printable = "".join(
        c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(name)[: names.MAX_NAME]
    )
    return printable.replace("~", "~0").replace("/", "~1")


_LEAST_REPETITION = len(',"payload":1')
"""Bytes that the shortest repeated key adds to an event."""


class _Uncertain(Exception):
    """The fast path cannot tell whether the event is valid."""


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    event_type: str
    payload: Raw
    local_timestamp: str
    event_id: str | UnsetType | None = UNSET
    payload_salt: str | UnsetType | None = UNSET
    signing_key_id: str | UnsetType | None = UNSET
    signature: str | UnsetType | None = UNSET


_UNCERTAIN = (
    _Uncertain,
    WrongField,
    CanonicalJSONError,
    TimestampError,
    msgspec.DecodeError,
    UnicodeDecodeError,
    RecursionError,
)
_one = msgspec.json.Decoder(_Event)

MAX_BATCH = 1000

_Batch = msgspec.defstruct(
    "_Batch",
    [(f"event_{number}", Raw | UnsetType, UNSET) for number in range(MAX_BATCH)],
    array_like=True,
    forbid_unknown_fields=True,
)
"""An array with a maximum length. Unlike `list[Raw]`, decoding fails at the first element too many,
before an object was made for each of the millions that a body has room for."""

_batch = msgspec.json.Decoder(_Batch)


def split_array(body: bytes) -> list[Raw]:
    """The texts of the elements of a JSON array; their contents are not parsed.

    Raises:
        msgspec.ValidationError: not an array, or too many elements.
        msgspec.DecodeError, RecursionError: not JSON.
    """
    batch = _batch.decode(body)
    return [piece for piece in msgspec.structs.astuple(batch) if piece is not UNSET]


def parse_event_fast(body: bytes, agent_id: str | None) -> Submission | None:
    """The submission in a JSON document, or None if not certain."""
    taken = parse_lines_fast([body], agent_id)
    return taken[0] if taken else None


def parse_array_fast(body: bytes, agent_id: str | None) -> list[Submission] | None:
    """The submissions in a JSON array of at most `MAX_BATCH`, or None if not certain."""
    try:
        pieces = split_array(body)
    except _UNCERTAIN:
        return None
    return _take(pieces, agent_id, level=2)


def parse_lines_fast(lines: Sequence[bytes], agent_id: str | None) -> list[Submission] | None:
    """The submissions in JSON documents, one a line, or None if not certain."""
    return _take(lines, agent_id, level=1)


def _take(
    pieces: Sequence[bytes | Raw], agent_id: str | None, *, level: int
) -> list[Submission] | None:
    """`level` is the nesting level of a payload in its document."""
    try:
        return [_submission(piece, agent_id, level) for piece in pieces]
    except _UNCERTAIN:
        return None


_SIGNS = (b",", b"[", b"{", b":")
_AROUND = 1000
"""Upper bound of these characters outside the payload: in type and time, and between the fields."""


def is_too_large(text: bytes | Raw) -> bool:
    """True if the payload must be too large in canonical form, judged without parsing.

    Separators and brackets survive canonicalization one for one, in strings and between values. So
    a text that passes also has a bounded number of values.
    """
    if len(text) <= MAX_PAYLOAD_BYTES:
        return False
    text = bytes(text)
    signs = sum(text.count(sign) for sign in _SIGNS)
    return signs - _AROUND > MAX_PAYLOAD_BYTES


def _submission(piece: bytes | Raw, agent_id: str | None, level: int) -> Submission:
    if is_too_large(piece):
        raise _Uncertain
    event = _one.decode(piece)
    if len(piece) - _least_length(event) >= _LEAST_REPETITION:
        raise _Uncertain
    payload = bytes(event.payload)
    if payload.count(b"[") + payload.count(b"{") > canonical.MAX_DEPTH - level:
        raise _Uncertain
    signed = _signature_of(event)
    event_id = None if event.event_id is UNSET else event.event_id
    return Submission(
        event_type=check_event_type(event.event_type, agent_id),
        canonical_payload=check_payload_size(canonical.canonicalize_text(payload)),
        agent_id=agent_id,
        local_timestamp=check_local_timestamp(event.local_timestamp, signed is not None),
        event_id=check_event_id(event_id, signed is not None),
        signed=signed,
    )


def _signature_of(event: _Event) -> WriterSignature | None:
    salt, key_id, signature = event.payload_salt, event.signing_key_id, event.signature
    if all(value is None or value is UNSET for value in (salt, key_id, signature)):
        return None
    return WriterSignature(
        check_signing_key_id(key_id), check_payload_salt(salt), check_signature(signature)
    )


def _least_length(event: _Event) -> int:
    """The event's length without white space and escapes. If the text is hardly longer, no key in
    it can be repeated."""
    length = _FRAME + len(event.payload) + _size(event.event_type) + _size(event.local_timestamp)
    for name in _OPTIONAL:
        value = getattr(event, name)
        if value is not UNSET:
            length += len(f',"{name}":""') + (len("null") - 2 if value is None else _size(value))
    return length


_OPTIONAL = ("event_id", *SIGNED)
_FRAME = len('{"event_type":"","payload":,"local_timestamp":""}')


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))
