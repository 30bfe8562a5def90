"""Reads records from a list inside an object: {"value": […], "next": …}.

An object is read to its end before the first record of its list is yielded, so that the members
beside the list are known and an unexpected object yields nothing. Until then it is buffered in
memory, or in a temporary file from 4 MiB on.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from events.ingest.errors import FramingError
from events.ingest.framing.forms import TORN, numbered
from events.ingest.framing.record import Record, Spill
from events.ingest.framing.values import Scanner, Value, elements
from events.ingest.paths import FieldPath

_IN_MEMORY = 4 * 2**20
_CHUNK = 256 * 1024
MAX_ENVELOPE = 2**20
"""Maximum size of the members beside a list, in bytes: the limit of a payload."""


@dataclass(slots=True)
class Survey:
    """Content of an object at a path and beside it. `texts` are its short top-level texts,
    `problem` is why no records can be read from it."""

    beside: list[str] = field(default_factory=list)
    envelope: bytes = b""
    texts: dict[str, str] = field(default_factory=dict)
    has_list: bool = False
    count: int = 0
    all_objects: bool = True
    torn: bool = False
    list_torn: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ListPlan:
    """Location of the lists. `keep_envelope` adds the members beside a list to each record.
    `accepts` is set when the format was detected, and checks each object: it must also be the
    only value, except for others that follow without a line break. If the check fails, the error
    ends with `otherwise`, the options that decide it."""

    path: FieldPath
    keep_envelope: bool = False
    accepts: Callable[[Survey], bool] | None = None
    otherwise: str = ""


def read_lists(
    chunks: Iterator[bytes], plan: ListPlan, spill: Spill, limit: int, say: Callable[[str], None]
) -> Iterator[Record]:
    """Read the elements of the list in each object, numbered over all lists. An object without
    such a list is yielded as a record with a problem.

    Raises:
        FramingError: the input is not JSON, or the plan does not accept it.
    """
    scanner = Scanner(chunks, "object with a list", limit=limit)
    number, said = 0, set[str]()
    for line in _objects(scanner):
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            aside = cast(BinaryIO, file)
            found = _survey(scanner, plan, aside)
            if plan.accepts:
                _make_certain(scanner, found, plan)
            if found.problem or not found.has_list:
                number += 1
                yield _without_list(found, plan, Record(number, line, b""), aside, spill, limit)
                continue
            if not plan.keep_envelope and (left_out := set(found.beside) - said):
                said |= left_out
                say(_left_out(sorted(left_out), plan))
            for record in _records(aside, line, found, plan, spill, limit):
                number += 1
                yield Record(number, record.line, record.text, record.problem, record.raw)


def _objects(scanner: Scanner) -> Iterator[int]:
    """Yield the line of each object, with the scanner before it. Arrays of objects are entered."""
    inside = False
    while (byte := scanner.next_byte()) is not None:
        if byte == b"{":
            yield scanner.line
        elif byte == b",":
            scanner.advance()
        elif byte == (b"]" if inside else b"["):
            scanner.advance()
            inside = not inside
        else:
            raise scanner.wrong(f"{byte!r} is where an object is expected")


def _make_certain(scanner: Scanner, found: Survey, plan: ListPlan) -> None:
    """Raise FramingError unless the plan accepts the object."""
    line = scanner.line
    following = scanner.next_byte()
    if following is not None and (following != b"{" or scanner.line != line):
        raise scanner.wrong(f"another value follows it; {plan.otherwise}")
    if plan.accepts and (found.torn or not plan.accepts(found)):
        beside = ", ".join(found.beside[:10]) or "nothing"
        raise FramingError(
            f"the object that ends in line {line} is more than a list of records: beside "
            f"{plan.path.text!r} it has {beside}; {plan.otherwise}"
        )


def _survey(scanner: Scanner, plan: ListPlan, aside: BinaryIO) -> Survey:
    """Survey the object that begins here, copying it to `aside`."""
    found = Survey()
    scanner.copy = aside
    try:
        found.envelope = _walk(scanner, plan.path.steps, found, "", keep=plan.keep_envelope)
    finally:
        scanner.copy = None
    if found.torn and (plan.keep_envelope or not found.list_torn):
        found.problem = TORN
    return found


def _walk(
    scanner: Scanner, steps: tuple[str, ...], found: Survey, above: str, *, keep: bool
) -> bytes:
    """Survey an object. Returns its members beside the path, as the text of an object."""
    members: list[bytes] = []
    for key, name in _members(scanner, found):
        byte = scanner.next_byte()
        if byte is None:
            found.torn = True
        elif name == steps[0] and byte == b"{" and steps[1:]:
            inner = _walk(scanner, steps[1:], found, f"{above}{name}.", keep=keep)
            members.append(key + b":" + inner)
        elif name == steps[0] and byte == b"[" and not steps[1:]:
            if found.has_list:
                raise scanner.wrong(f"the key {name!r} appears twice in one object")
            scanner.advance()
            _count(scanner, found)
        else:
            value = scanner.take_value()
            found.torn = found.torn or value.torn
            found.beside.append(above + name)
            if not above and len(value.text) < 500 and value.text[:1] == b'"':
                found.texts[name] = _text(value)
            if keep:
                members.append(key + b":" + value.text)
                if value.too_long or sum(map(len, members)) > MAX_ENVELOPE:
                    raise scanner.wrong(
                        f"more than {MAX_ENVELOPE:,} bytes are beside the list, too many for "
                        "--keep-envelope"
                    )
    return b"{" + b",".join(members) + b"}"


def _members(scanner: Scanner, found: Survey) -> Iterator[tuple[bytes, str]]:
    """Yield the keys of the object that begins here, with the scanner before each value."""
    scanner.advance()
    separated = True
    while (byte := scanner.next_byte()) is not None:
        if byte == b"}":
            scanner.advance()
            return
        if byte == b",":
            scanner.advance()
            separated = True
            continue
        if byte != b'"' or not separated:
            raise scanner.wrong("a comma is missing" if byte == b'"' else "a key is missing")
        key = scanner.take_value()
        separated = False
        if key.torn or not scanner.expect(b":"):
            break
        yield key.text, _text(key)
        if found.torn:
            return
    found.torn = True


def _count(scanner: Scanner, found: Survey) -> None:
    found.has_list = True
    for element in elements(scanner):
        if element.torn:
            found.torn = found.list_torn = True
            return
        found.count += 1
        found.all_objects = found.all_objects and not element.is_scalar


def _records(
    aside: BinaryIO, line: int, found: Survey, plan: ListPlan, spill: Spill, limit: int
) -> Iterator[Record]:
    aside.seek(0)
    scanner = Scanner(_pieces(aside), "object with a list", spill, limit, line)
    scanner.next_byte()
    if _enter(scanner, plan.path.steps):
        for value in elements(scanner):
            yield _record(numbered(0, value, spill, limit), found.envelope, plan)


def _enter(scanner: Scanner, steps: tuple[str, ...]) -> bool:
    """Move the scanner into the list at a path; False if there is none."""
    for _, name in _members(scanner, Survey()):
        byte = scanner.next_byte()
        if name == steps[0] and byte == b"{" and steps[1:]:
            return _enter(scanner, steps[1:])
        if name == steps[0] and byte == b"[" and not steps[1:]:
            scanner.advance()
            return True
        if byte is None or scanner.take_value().torn:
            return False
    return False


def _record(record: Record, envelope: bytes, plan: ListPlan) -> Record:
    if not plan.keep_envelope or record.problem:
        return record
    text = b'{"envelope":' + envelope + b',"record":' + record.text + b"}"
    return Record(record.number, record.line, text, raw=record.text)


def _without_list(
    found: Survey, plan: ListPlan, at: Record, aside: BinaryIO, spill: Spill, limit: int
) -> Record:
    """A record with a problem, for an object without a readable list."""
    problem = found.problem or f"it holds no list at {plan.path.text!r}"
    size = aside.tell()
    aside.seek(0)
    if size <= limit:
        return Record(at.number, at.line, aside.read(), problem)
    for piece in _pieces(aside):
        spill(piece)
    spill(b"\n")
    return Record(at.number, at.line, b"", problem)


def _left_out(names: list[str], plan: ListPlan) -> str:
    shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    return f"{shown}, beside the list at {plan.path.text!r}, left out; --keep-envelope keeps them"


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(_CHUNK), b"")


def _text(value: Value) -> str:
    try:
        return str(json.loads(value.text.decode("utf-8", "replace"), strict=False))
    except ValueError as error:
        raise FramingError(f"not JSON: invalid key in line {value.line}") from error
