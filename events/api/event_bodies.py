"""Parses the events in a request body: a fast path where the result is certain, else in full.

Invariant: both paths give the same answer; `certain` explains why. The values of a JSON text take
about twenty times its bytes, so a text with more bytes than one event may have is never parsed
whole: a large batch is read event by event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from events import submission as certain
from events.api.problems import (
    INVALID_BATCH,
    INVALID_EVENT,
    MALFORMED_JSON,
    MAX_ERRORS,
    Refused,
)
from events.errors import CanonicalJSONError, FieldError, InvalidSubmissionError
from events.format.canonical import Document, parse
from events.submission import (
    MAX_BATCH,
    MAX_PAYLOAD_BYTES,
    Submission,
    parse_array_fast,
    parse_event_fast,
    parse_lines_fast,
    split_array,
    validate,
)

NO_BATCH = "a batch is a JSON array of events, or NDJSON"
TOO_MANY = f"a batch has 1 to {MAX_BATCH:,} events, not more"
OF_ONE = "; send one event to /api/v1/events, and any JSON records to /api/v1/ingest"
OF_SEVERAL = (
    "; send events one a line as application/x-ndjson, and any JSON records to /api/v1/ingest"
)
ON_A_LINE = "; put one event on each line, or send any JSON records to /api/v1/ingest"
BOM = b"\xef\xbb\xbf"
TOO_LARGE = f"has more than {MAX_PAYLOAD_BYTES:,} bytes in canonical form"

_BLANKS = re.compile(rb"\s*")


def parse_event(body: bytes, agent_id: str | None) -> Submission:
    """Parse the event in a JSON document.

    Raises:
        CanonicalJSONError: the body is not JSON that the ledger accepts.
            InvalidSubmissionError: the event is not valid.
    """
    return parse_event_fast(body, agent_id) or _document(body, agent_id)


def parse_array(body: bytes, agent_id: str | None) -> list[Submission]:
    """Parse the events in a JSON array, in order.

    Raises:
        CanonicalJSONError: the body is not JSON that the ledger accepts. Refused: it is not a
            batch, or some of its events are not valid.
    """
    taken = parse_array_fast(body, agent_id)
    if taken:
        return taken
    large = certain.is_too_large(body)
    return _large_array(body, agent_id) if large else _array(body, agent_id)


def parse_lines(body: bytes, agent_id: str | None) -> list[Submission]:
    """Parse events as JSON documents one a line, in order; blank lines are skipped.

    Raises:
        Refused: it is not a batch, or some of its lines are not valid.
    """
    lines = []
    for entry in _written_lines(body.removeprefix(BOM)):
        lines.append(entry)
        _check_batch_size(len(lines))
    _check_batch_size(len(lines))
    return parse_lines_fast([line for _, line in lines], agent_id) or _lines(lines, agent_id)


def _written_lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, numbered.

    Runs of blank lines are skipped at once: a body has room for millions.
    """
    place, number = 0, 1
    while True:
        blanks = _BLANKS.match(body, place)
        written = blanks.end() if blanks else place
        if written == len(body):
            return
        number += body.count(b"\n", place, written)
        begin = max(place, body.rfind(b"\n", place, written) + 1)
        end = body.find(b"\n", written)
        yield number, body[begin : end if end >= 0 else len(body)]
        if end < 0:
            return
        place, number = end + 1, number + 1


def _read(text: bytes, index: int | None = None, *, inside: int = 0) -> Document:
    """Parse the values of one event's text, if its size allows one event."""
    if certain.is_too_large(text):
        raise InvalidSubmissionError([FieldError("/payload", TOO_LARGE, index)])
    return parse(text, inside=inside)


def _document(body: bytes, agent_id: str | None) -> Submission:
    value, plain = _read(body)
    return validate(value, agent_id=agent_id, plain=plain)


def _array(body: bytes, agent_id: str | None) -> list[Submission]:
    value, plain = _parse_array(body)
    if not isinstance(value, list):
        raise Refused(INVALID_BATCH, NO_BATCH + (OF_ONE if isinstance(value, dict) else ""))
    _check_batch_size(len(value))

    def event(place: int) -> Submission:
        return validate(value[place], agent_id=agent_id, index=place, plain=plain)

    return _validate_all(event, [None] * len(value))


def _parse_array(body: bytes) -> Document:
    try:
        return parse(body)
    except CanonicalJSONError as error:
        if EXTRA in error.reason and body.lstrip()[:1] == b"{":
            raise CanonicalJSONError(error.reason + OF_SEVERAL, error.path) from None
        raise


EXTRA = "Extra data"
"""Part of the parser's message for a text with more than one value."""


def _large_array(body: bytes, agent_id: str | None) -> list[Submission]:
    """Parse a large array event by event. Invalid JSON is refused without line and column."""
    try:
        pieces = split_array(body)
    except msgspec.ValidationError as error:
        hint = OF_ONE if body.lstrip()[:1] == b"{" else ""
        raise Refused(
            INVALID_BATCH, TOO_MANY if "length" in str(error) else NO_BATCH + hint
        ) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise CanonicalJSONError(f"not JSON that the ledger can store: {error}") from None
    _check_batch_size(len(pieces))

    def event(place: int) -> Submission:
        try:
            value, plain = _read(bytes(pieces[place]), place, inside=1)
        except CanonicalJSONError as error:
            raise CanonicalJSONError(error.reason, f"/{place}{error.path}") from None
        return validate(value, agent_id=agent_id, index=place, plain=plain)

    return _validate_all(event, [None] * len(pieces))


def _lines(lines: Sequence[tuple[int, bytes]], agent_id: str | None) -> list[Submission]:
    unreadable: list[dict[str, Any]] = []

    def event(place: int) -> Submission | None:
        number, line = lines[place]
        try:
            value, plain = _read(line, place)
        except CanonicalJSONError as error:
            unreadable.append(_wrong_line(error, place, number))
            return None
        return validate(value, agent_id=agent_id, index=place, plain=plain)

    try:
        submissions = _validate_all(event, [number for number, _ in lines])
    except Refused:
        if not unreadable:
            raise
    if unreadable:
        raise Refused(
            MALFORMED_JSON,
            f"{len(unreadable)} of {len(lines)} lines cannot be recorded, so nothing was written; "
            f"line {unreadable[0]['line']}: {unreadable[0]['detail']}",
            errors=unreadable,
        )
    return submissions


def _check_batch_size(count: int) -> None:
    """Require a batch of 1 to 1,000 events."""
    if count > MAX_BATCH:
        raise Refused(INVALID_BATCH, TOO_MANY)
    if not count:
        raise Refused(INVALID_BATCH, f"a batch has 1 to {MAX_BATCH:,} events, not 0")


def _wrong_line(error: CanonicalJSONError, index: int, line: int) -> dict[str, Any]:
    reason = error.reason + (ON_A_LINE if EXTRA in error.reason else "")
    return {"index": index, "line": line, "pointer": error.path, "detail": reason}


def _validate_all(
    event: Callable[[int], Submission | None], lines: Sequence[int | None]
) -> list[Submission]:
    """Return every event of a batch in order, or raise every wrong field of all of them.

    `lines` are the line numbers of the events (from 1), if they came by lines.
    """
    submissions: list[Submission] = []
    listed: list[dict[str, Any]] = []
    wrong = 0
    for place, line in enumerate(lines):
        try:
            submission = event(place)
        except InvalidSubmissionError as error:
            at = {} if line is None else {"line": line}
            listed += [field.as_dict() | at for field in error.errors[: MAX_ERRORS - len(listed)]]
            wrong += len(error.errors)
            submissions.clear()
        else:
            if submission is not None and not wrong:
                submissions.append(submission)
    if wrong:
        first = listed[0]
        raise Refused(
            INVALID_EVENT,
            f"{wrong} field{' is' if wrong == 1 else 's are'} wrong, "
            f"so nothing was written; the first: "
            f"event {first['index']}, {first['pointer'] or 'as a whole'}: {first['detail']}",
            errors=listed,
        )
    return submissions
