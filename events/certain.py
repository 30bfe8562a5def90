"""Takes submissions that are certainly right in one pass, without an object for every field.

It must never refuse: whatever is not certain is handed back as None, and `canonical.parse` with
`submission.validate` says what is wrong, or that nothing is.

What makes it certain: an event is decoded into its four fields, and its payload stays the text it
is until the ledger's own `canonicalize_text` reads it, once. The decoder knows no other fields and
no other types; what it lets pass and we do not (a key that stands twice, a nesting too deep for
the body as a whole) is caught by length and by count below.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Raw, UnsetType

from events import canonical, submission
from events.errors import CanonicalJSONError, TimestampError
from events.submission import Submission, WrongField

_LEAST_REPETITION = len(',"payload":1')
"""Bytes that the shortest key standing twice adds to an event."""


class _Uncertain(Exception):
    """Perhaps right, perhaps not."""


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    event_type: str
    payload: Raw
    local_timestamp: str
    event_id: str | UnsetType | None = UNSET


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
"""An array of at most so many elements. Unlike `list[Raw]` it is refused at the first element too
many, before an object was made for each of the millions that a body has room for."""

_batch = msgspec.json.Decoder(_Batch)


def split_array(body: bytes) -> list[Raw]:
    """The texts of the elements of a JSON array, of which nothing else is looked at.

    Raises:
        msgspec.ValidationError: it is no array, or has too many elements.
        msgspec.DecodeError, RecursionError: it is no JSON.
    """
    batch = _batch.decode(body)
    return [piece for piece in msgspec.structs.astuple(batch) if piece is not UNSET]


def take_one(body: bytes, agent_id: str | None) -> Submission | None:
    """The submission in a JSON document, or None."""
    taken = take_lines([body], agent_id)
    return taken[0] if taken else None


def take_array(body: bytes, agent_id: str | None) -> list[Submission] | None:
    """The submissions in a JSON array of no more than `MAX_BATCH`, or None."""
    try:
        pieces = split_array(body)
    except _UNCERTAIN:
        return None
    return _take(pieces, agent_id, level=2)


def take_lines(lines: Sequence[bytes], agent_id: str | None) -> list[Submission] | None:
    """The submissions in JSON documents one a line, or None."""
    return _take(lines, agent_id, level=1)


def _take(
    pieces: Sequence[bytes | Raw], agent_id: str | None, *, level: int
) -> list[Submission] | None:
    """`level` is how deep in its document a payload stands."""
    try:
        return [_submission(piece, agent_id, level) for piece in pieces]
    except _UNCERTAIN:
        return None


_SIGNS = (b",", b"[", b"{", b":")
_AROUND = 1000
"""More of these signs than stand around a payload: in the type, the time and between the fields."""


def is_too_large(text: bytes | Raw) -> bool:
    """Whether the text of an event holds a payload that is too large in canonical form, seen
    without parsing it: what separates and opens stands there once for each that stands here, be it
    in a string or between values. What is not too large holds no more values than that either.
    """
    if len(text) <= submission.MAX_PAYLOAD_BYTES:
        return False
    text = bytes(text)
    signs = sum(text.count(sign) for sign in _SIGNS)
    return signs - _AROUND > submission.MAX_PAYLOAD_BYTES


def _submission(piece: bytes | Raw, agent_id: str | None, level: int) -> Submission:
    if is_too_large(piece):
        raise _Uncertain
    event = _one.decode(piece)
    if len(piece) - _least_length(event) >= _LEAST_REPETITION:
        raise _Uncertain
    payload = bytes(event.payload)
    if payload.count(b"[") + payload.count(b"{") > canonical.MAX_DEPTH - level:
        raise _Uncertain
    return Submission(
        event_type=submission.check_event_type(event.event_type, agent_id),
        canonical_payload=submission.check_payload_size(canonical.canonicalize_text(payload)),
        agent_id=agent_id,
        local_timestamp=submission.check_local_timestamp(event.local_timestamp),
        event_id=None if event.event_id is UNSET else submission.check_event_id(event.event_id),
    )


def _least_length(event: _Event) -> int:
    """Bytes that the event takes without white space and without an escape. Where the text is
    hardly longer, no key in it can stand twice."""
    length = _FRAME + len(event.payload) + _size(event.event_type) + _size(event.local_timestamp)
    if event.event_id is UNSET:
        return length
    return length + _ID + (_size(event.event_id) if event.event_id else len("null") - 2)


_FRAME = len('{"event_type":"","payload":,"local_timestamp":""}')
_ID = len(',"event_id":""')


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))
