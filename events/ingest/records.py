"""Splits a stream of bytes into records.

What a record is, is decided here and in `events.ingest.framing`; whether it can be taken is not.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from events.ingest.errors import IngestError
from events.ingest.framing.decision import LOOKED_AT, Decision, Head, decide, take_head
from events.ingest.framing.forms import (
    read_array,
    read_concatenated,
    read_json_seq,
    read_lines,
)
from events.ingest.framing.lists import ListPlan, read_lists, stream_list
from events.ingest.framing.record import MAX_RECORD_BYTES, Record, Spill, nowhere
from events.ingest.framing.values import is_json
from events.ingest.paths import FieldPath

__all__ = ["FORMS", "MAX_RECORD_BYTES", "Framed", "Reading", "Record", "frame", "read_records"]

_SCALAR = "a bare text, number or word; --scalars takes such as records"

Reader = Callable[[Iterator[bytes], Spill, int], Iterator[Record]]

_READERS: dict[str, Reader] = {
    "lines": read_lines,
    "array": read_array,
    "concatenated": read_concatenated,
    "json-seq": read_json_seq,
}
FORMS = ("auto", *_READERS)
"""What an input can be read as."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How to tell records apart. `records` is where in each object their list is, and
    `keep_envelope` puts what stands beside it into each. Bare `scalars` are records only when
    asked for."""

    form: str = "auto"
    records: FieldPath | None = None
    keep_envelope: bool = False
    scalars: bool = False


@dataclass(frozen=True, slots=True)
class Framed:
    """An input whose form is known, and its first records, which stand in `records` again."""

    form: str
    sample: tuple[Record, ...]
    records: Iterator[Record]


def read_records(
    chunks: Iterator[bytes], form: str, spill: Spill, limit: int = MAX_RECORD_BYTES
) -> Iterator[Record]:
    """The records of `chunks`, read as one of `FORMS`.

    Blank lines are no records. A record of more than `limit` bytes comes with a problem and
    without text; its bytes go to `spill` piece by piece.

    Raises:
        FramingError: nobody can say where the records begin and end.
    """
    return frame(chunks, Reading(form), spill, limit=limit).records


def frame(
    chunks: Iterator[bytes],
    reading: Reading,
    spill: Spill,
    say: Callable[[str], None] = lambda text: None,
    limit: int = MAX_RECORD_BYTES,
) -> Framed:
    """Decide how to read an input, and read it. Errors as `read_records`, those that show in
    the beginning of the input at once. `say` is told what was decided of itself."""
    head = take_head(chunks)
    decision = _decision(head, reading)
    for note in decision.notes:
        say(note)
    sample = tuple(_sample(head, decision, reading))
    whole = itertools.chain([head.text], chunks)
    if decision.plan:
        records = read_lists(whole, decision.plan, spill, limit, say)
    else:
        records = _READERS[decision.form](whole, spill, limit)
    return Framed(decision.form, sample, _without_scalars(records, reading))


def _decision(head: Head, reading: Reading) -> Decision:
    if reading.records:
        if reading.form == "json-seq":
            raise IngestError("--records takes lists out of JSON objects, not of json-seq")
        return Decision("lists", ListPlan(reading.records, reading.keep_envelope))
    decision = decide(head) if reading.form == "auto" else Decision(reading.form)
    if decision.plan:
        return replace(decision, plan=replace(decision.plan, keep_envelope=reading.keep_envelope))
    if reading.keep_envelope:
        raise IngestError("--keep-envelope goes with --records PATH")
    return decision


def _sample(head: Head, decision: Decision, reading: Reading) -> Iterator[Record]:
    """The first records, as far as the head has them whole."""
    chunks = iter([head.text])
    if decision.plan:
        records = stream_list(chunks, decision.plan, MAX_RECORD_BYTES)
    else:
        records = _READERS[decision.form](chunks, nowhere, MAX_RECORD_BYTES)
    last = None
    for record in itertools.islice(_without_scalars(records, reading), LOOKED_AT):
        if last and not last.problem:
            yield last
        last = record
    if last and not last.problem and (head.is_all or head.text.endswith(b"\n")):
        yield last


def _without_scalars(records: Iterator[Record], reading: Reading) -> Iterator[Record]:
    for record in records:
        is_nested = record.text[:1] == b"{" or record.text.lstrip()[:1] in (b"{", b"[")
        if is_nested or reading.scalars or record.problem or not is_json(record.text):
            yield record
        else:
            yield replace(record, problem=_SCALAR)
