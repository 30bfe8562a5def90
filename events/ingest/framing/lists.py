"""Takes records out of a list inside an object: {"value": […], "next": …}.

An object is read to its end before the first record of its list is given out, so that what stands
beside the list is known, and an object that is not as expected gives nothing. It is put aside
until then, in memory or in a temporary file.
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
"""Bytes beside a list that can be kept: a payload holds no more."""


@dataclass(slots=True)
class Survey:
    """What an object holds at a path and beside it. `texts` are the short texts of its own
    members, `problem` says why no records can be taken from it."""

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
    """Where the lists are. `keep_envelope` puts what stands beside a list into each record.
    `accepts` says whether the records of an object may be taken without being asked for: then the
    object must also be the only value, but for others that follow without a line break. Where
    that is not so, the error says what `otherwise` does."""

    path: FieldPath
    keep_envelope: bool = False
    accepts: Callable[[Survey], bool] | None = None
    otherwise: str = ""


def read_lists(
    chunks: Iterator[bytes], plan: ListPlan, spill: Spill, limit: int, say: Callable[[str], None]
) -> Iterator[Record]:
    """One record an element of the list at the path in each object, numbered by its place over
    all lists. An object without such a list is a record with a problem.

    Raises:
        FramingError: it is no JSON, or not what the plan accepts.
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
    """The line of each object, when the scanner stands before it. Arrays of objects are gone
    through."""
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
            raise scanner.wrong(f"{byte!r} stands where an object is expected")


def _make_certain(scanner: Scanner, found: Survey, plan: ListPlan) -> None:
    """Return where the records may be taken without being asked for."""
    line = scanner.line
    following = scanner.next_byte()
    if following is not None and (following != b"{" or scanner.line != line):
        raise scanner.wrong(f"another value follows it; {plan.otherwise}")
    if plan.accepts and (found.torn or not plan.accepts(found)):
        beside = ", ".join(found.beside[:10]) or "nothing"
        raise FramingError(
            f"the object that ends in line {line} is not only a list of records: beside "
            f"{plan.path.text!r} stand {beside}; {plan.otherwise}"
        )


def _survey(scanner: Scanner, plan: ListPlan, aside: BinaryIO) -> Survey:
    """Go through the object that begins here, and put it aside."""
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
    """Go through an object; what stands in it beside the path, as the text of an object."""
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
                raise scanner.wrong(f"the key {name!r} stands twice in one object")
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
                        f"more than {MAX_ENVELOPE:,} bytes stand beside the list, too many to "
                        "--keep-envelope"
                    )
    return b"{" + b",".join(members) + b"}"


def _members(scanner: Scanner, found: Survey) -> Iterator[tuple[bytes, str]]:
    """The keys of the object that begins here, the scanner before each value."""
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
    """Go to behind the bracket of the list at a path; False where there is none."""
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
    """An object that records cannot be taken from, as a record itself."""
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
    return (
        f"beside the list at {plan.path.text!r} stand {shown}: left out; --keep-envelope keeps them"
    )


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(_CHUNK), b"")


def _text(value: Value) -> str:
    try:
        return str(json.loads(value.text.decode("utf-8", "replace"), strict=False))
    except ValueError as error:
        raise FramingError(f"no JSON: a key in line {value.line} is none") from error
