"""Splits a stream of bytes into records, in the requested or detected format."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from events.ingest.errors import FramingError
from events.ingest.framing.decision import LOOKED_AT, Decision, Head, decide, take_head
from events.ingest.framing.forms import (
    read_array,
    read_concatenated,
    read_json_seq,
    read_lines,
)
from events.ingest.framing.journal import read_journal_export
from events.ingest.framing.lists import ListPlan, read_lists
from events.ingest.framing.record import MAX_RECORD_BYTES, Record, Spill, nowhere
from events.ingest.framing.values import is_json
from events.ingest.paths import FieldPath
from events.ingest.texts.formats import TEXT_FORMATS

__all__ = ["FORMS", "LISTED", "MAX_RECORD_BYTES", "Reading", "Record", "read_records"]

_SCALAR = "a bare text, number or word; --scalars accepts them as records"

Reader = Callable[[Iterator[bytes], Spill, int], Iterator[Record]]
Say = Callable[[str], None]

_READERS: dict[str, Reader] = {
    "lines": read_lines,
    "array": read_array,
    "concatenated": read_concatenated,
    "json-seq": read_json_seq,
    "journal-export": read_journal_export,
}
FORMS = ("auto", *_READERS, *TEXT_FORMATS)
"""Formats that an input can have."""
LISTED = ("auto", "lines", "array", "concatenated")
"""Formats whose objects may hold lists that `records` splits."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Options of splitting. `records` is the path of the list in each object, and `keep_envelope`
    adds the members beside it to each record. Bare `scalars` are records only if set."""

    form: str = "auto"
    records: FieldPath | None = None
    keep_envelope: bool = False
    scalars: bool = False


def read_records(
    chunks: Iterator[bytes],
    form: str | Reading,
    spill: Spill,
    limit: int = MAX_RECORD_BYTES,
    *,
    say: Say = nowhere,
    label: str = "the input",
    decided: Callable[[str], None] = nowhere,
) -> Iterator[Record]:
    """Split `chunks` into records, as one of `FORMS` or as a `Reading` says.

    Blank lines are skipped. A record of more than `limit` bytes comes with a problem and without
    text; its bytes go to `spill` piece by piece. An empty chunk marks a pause of the input. `say`
    is called with automatic decisions, `decided` with the format.

    Raises:
        FramingError: the record boundaries are unclear; before the first record if the beginning
            of the input shows it. The message names `label`.
    """
    reading = Reading(form) if isinstance(form, str) else form
    try:
        head = take_head(chunks)
        decision = _decision(head, reading)
        decided(decision.form)
        for note in decision.notes:
            say(note)
        whole = itertools.chain([head.text], chunks)
        if decision.plan:
            records = read_lists(whole, decision.plan, spill, limit, say)
        elif decision.form in TEXT_FORMATS:
            records = TEXT_FORMATS[decision.form].read(whole, spill, limit, say)
        else:
            records = _READERS[decision.form](whole, spill, limit)
        if reading.form == "auto" and decision.form == "lines":
            records = _say_change(records, say)
        yield from _without_scalars(records, reading)
    except FramingError as error:
        raise FramingError(f"{label}: {error}") from None


def _decision(head: Head, reading: Reading) -> Decision:
    if reading.records:
        return Decision("lists", ListPlan(reading.records, reading.keep_envelope))
    decision = decide(head) if reading.form == "auto" else Decision(reading.form)
    if decision.plan:
        return replace(decision, plan=replace(decision.plan, keep_envelope=reading.keep_envelope))
    return decision


def _say_change(records: Iterator[Record], say: Say) -> Iterator[Record]:
    """Report once when lines that began as JSON objects turn into something else."""
    is_said = False
    for count, record in enumerate(records):
        if not is_said and count >= LOOKED_AT and record.text and not _is_nested(record.text):
            is_said = True
            say(f"from line {record.line} on, lines are no longer JSON objects")
        yield record


def _is_nested(text: bytes) -> bool:
    return text[:1] == b"{" or text.lstrip()[:1] in (b"{", b"[")


def _without_scalars(records: Iterator[Record], reading: Reading) -> Iterator[Record]:
    for record in records:
        if _is_nested(record.text) or reading.scalars or record.problem or not is_json(record.text):
            yield record
        else:
            yield replace(record, problem=_SCALAR)
