"""What a body asks to record: taken quickly where it is certainly right, else read with care.

It must never answer differently for having been quick; `certain` says why it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from events.api.problems import INVALID_BATCH, INVALID_EVENT, MALFORMED_JSON, Refused
from events.canonical import Document, parse
from events.certain import take_array, take_lines, take_one
from events.errors import CanonicalJSONError, InvalidSubmissionError
from events.submission import Submission, validate

MAX_BATCH = 1000


def in_document(body: bytes, agent_id: str | None) -> Submission:
    """The event in a JSON document.

    Raises:
        CanonicalJSONError: the body is no JSON that the ledger can take.
        InvalidSubmissionError: the event is not valid.
    """
    return take_one(body, agent_id) or _document(body, agent_id)


def in_array(body: bytes, agent_id: str | None) -> list[Submission]:
    """The events in a JSON array, in order.

    Raises:
        CanonicalJSONError: the body is no JSON that the ledger can take.
        Refused: it is no batch, or some of its events are not valid.
    """
    return take_array(body, agent_id, most=MAX_BATCH) or _array(body, agent_id)


def in_lines(body: bytes, agent_id: str | None) -> list[Submission]:
    """The events in JSON documents one a line, in order; blank lines are skipped.

    Raises:
        Refused: it is no batch, or some of its lines cannot be taken.
    """
    lines = [entry for entry in enumerate(body.split(b"\n"), 1) if entry[1].strip()]
    _check_batch_size(len(lines))
    return take_lines([line for _, line in lines], agent_id) or _lines(lines, agent_id)


def _document(body: bytes, agent_id: str | None) -> Submission:
    value, plain = parse(body)
    return validate(value, agent_id=agent_id, plain=plain)


def _array(body: bytes, agent_id: str | None) -> list[Submission]:
    value, plain = parse(body)
    if not isinstance(value, list):
        raise Refused(INVALID_BATCH, "a batch is a JSON array of events, or NDJSON")
    _check_batch_size(len(value))
    return _validate_all(((Document(event, plain), None) for event in value), agent_id)


def _lines(lines: Sequence[tuple[int, bytes]], agent_id: str | None) -> list[Submission]:
    documents, wrong = [], []
    for index, (number, line) in enumerate(lines):
        try:
            documents.append((parse(line), number))
        except CanonicalJSONError as error:
            wrong.append(_wrong_line(error, index, number))
    if wrong:
        raise Refused(
            MALFORMED_JSON,
            f"{len(wrong)} of {len(lines)} lines cannot be taken, so nothing was written; "
            f"line {wrong[0]['line']}: {wrong[0]['detail']}",
            errors=wrong,
        )
    return _validate_all(documents, agent_id)


def _check_batch_size(count: int) -> None:
    """A batch has 1 to 1,000 events."""
    if not 1 <= count <= MAX_BATCH:
        raise Refused(INVALID_BATCH, f"a batch has 1 to {MAX_BATCH:,} events, not {count:,}")


def _wrong_line(error: CanonicalJSONError, index: int, line: int) -> dict[str, Any]:
    return {"index": index, "line": line, "pointer": error.path, "detail": error.reason}


def _validate_all(
    documents: Iterable[tuple[Document, int | None]], agent_id: str | None
) -> list[Submission]:
    """Every event of a batch, or every wrong field of all of them. Each document comes with the
    line it stood on (from 1) if it came by lines."""
    submissions, wrong = [], []
    for index, ((value, plain), line) in enumerate(documents):
        try:
            submissions.append(validate(value, agent_id=agent_id, index=index, plain=plain))
        except InvalidSubmissionError as error:
            place = {} if line is None else {"line": line}
            wrong += [field.as_dict() | place for field in error.errors]
    if wrong:
        first = wrong[0]
        raise Refused(
            INVALID_EVENT,
            f"{len(wrong)} field{' is' if len(wrong) == 1 else 's are'} wrong, "
            f"so nothing was written; the first: "
            f"event {first['index']}, {first['pointer'] or 'as a whole'}: {first['detail']}",
            errors=wrong,
        )
    return submissions
