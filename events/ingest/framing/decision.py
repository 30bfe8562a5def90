"""Detects the format of an input from its beginning.

Invariant: an ambiguous input is refused before its first record, with the options that decide it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from events.ingest.errors import FramingError
from events.ingest.framing.forms import read_array, read_concatenated
from events.ingest.framing.lists import ListPlan, Survey
from events.ingest.framing.record import nowhere
from events.ingest.framing.texts import TEXT, name_text
from events.ingest.framing.values import Scanner, elements, is_json
from events.ingest.paths import parse_path

LOOKED_AT = 100
"""Records or lines used for detection."""
MIN_HEAD, MAX_HEAD = 64 * 1024, 2**20
_KUBERNETES = {"apiVersion", "kind", "metadata", "items"}
_NAMES = ("Records", "records", "value", "entries", "items", "logEvents", "events")
"""Members in which cloud services put their lists of records."""


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of an input; `is_all` if it is the whole input."""

    text: bytes
    is_all: bool

    def lines(self) -> list[bytes]:
        """The first complete lines that are not blank."""
        whole = self.text if self.is_all else self.text[: self.text.rfind(b"\n") + 1]
        lines = (line for line in whole.split(b"\n") if line.strip())
        return [line for line, _ in zip(lines, range(LOOKED_AT), strict=False)]


@dataclass(frozen=True, slots=True)
class Decision:
    """The format of an input, the location of its list of records, and notes for the user."""

    form: str
    plan: ListPlan | None = None
    notes: tuple[str, ...] = ()


def take_head(chunks: Iterator[bytes]) -> Head:
    """Read the beginning used for detection: 100 lines and 64 KiB, or 1 MiB, or everything up to a
    pause of the input (an empty chunk)."""
    head, lines = b"", 0
    for chunk in chunks:
        head += chunk
        lines += chunk.count(b"\n")
        if len(head) >= MAX_HEAD or (len(head) >= MIN_HEAD and lines > LOOKED_AT):
            return Head(head, is_all=False)
        if not chunk and head.strip():
            return Head(head, is_all=False)
    return Head(head, is_all=True)


def decide(head: Head) -> Decision:
    """Detect the format of an input.

    Raises:
        FramingError: it is ambiguous; the message names the options.
    """
    text = head.text.lstrip()
    if not text:
        return Decision("lines")
    if text.startswith(b"\x1e"):
        return Decision("json-seq", notes=("read as a JSON text sequence (RFC 7464)",))
    if text.startswith(b"__CURSOR="):
        return Decision("journal-export", notes=("read as the journal's export format",))
    lines = head.lines()
    objects = sum(map(_is_container, lines))
    broken = None
    if text[:1] in (b"{", b"["):
        decision, broken = _json(head, text, lines, objects)
        if decision:
            return decision
        objects = objects if objects * 4 >= len(lines) else 0
    if objects:
        return Decision("lines")
    name, option = name_text(lines or [text])
    raise FramingError(
        f"this is {name}, not JSON{f' ({broken})' if broken else ''}; take it with {option}"
        + ("" if option == TEXT else f", or line by line with {TEXT}")
    )


def _json(
    head: Head, text: bytes, lines: list[bytes], objects: int
) -> tuple[Decision | None, FramingError | None]:
    """Decide on an input that begins as JSON. Returns None and the reason if it turns into
    something else.

    Raises:
        FramingError: it is malformed JSON.
    """
    if text.startswith(b"["):
        broken = _misfit(head, "array")
        return (None if broken else Decision("array")), broken
    by_line = bool(lines) and _is_container(lines[0])
    broken = None if by_line else _misfit(head, "concatenated")
    if broken or (not by_line and objects * 2 > len(lines) and not _first_value_ends(head)):
        return None, broken
    if by_line and len(lines) > 1:
        _refuse_pages([_shape_of(line) for line in lines], "--format lines")
        return Decision("lines"), None
    shape = _shape_of(head.text)
    whole = "--format lines" if by_line else "--format concatenated"
    if decision := _certain(shape, whole):
        return decision, None
    if shape.is_followed:
        _refuse_pages([shape], whole)
        return Decision("concatenated"), None
    _ask_of_one(shape, whole)
    return Decision("lines" if by_line else "concatenated", notes=_notes(shape)), None


def _misfit(head: Head, form: str) -> FramingError | None:
    """Find what in the head does not fit this format; None if all of it fits.

    Raises:
        FramingError: objects precede it: the format is right, but malformed.
    """
    read = read_array if form == "array" else read_concatenated
    taken = 0
    try:
        for record in read(iter([head.text]), nowhere, MAX_HEAD * 2):
            if record.problem and _has_raw_line_break(record.text):
                return FramingError(
                    f"line {record.line}: a string continues past the end of the line"
                )
            if form == "concatenated" and not _is_nested(record.text):
                return FramingError(f"line {record.line}: a bare word or number")
            taken += _is_nested(record.text)
    except FramingError as error:
        if taken and form == "array":
            raise
        # The error may only come from the cut at the end of the head.
        return None if taken and not head.is_all and len(head.text) >= MIN_HEAD else error
    return None


def _first_value_ends(head: Head) -> bool:
    scanner = Scanner(iter([head.text]), "value")
    scanner.next_byte()
    return not scanner.take_value().torn


@dataclass(slots=True)
class _Shape:
    """The visible part of an object: its members in order, the lengths of its lists of objects,
    and its short texts."""

    names: list[str] = field(default_factory=list)
    lists: dict[str, int] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    size: int = 0
    is_whole: bool = False
    is_followed: bool = False
    is_adjacent: bool = False

    @property
    def service_list(self) -> str | None:
        """The list of records of a service that further members identify, if any."""
        kind = self.texts.get("kind", "")
        marks = {
            "Records": self.names == ["Records"],
            "value": "@odata.context" in self.names,
            "entries": "response_metadata" in self.names,
            "items": "#" in kind or ("apiVersion" in self.names and _ends_in_list(kind)),
            "logEvents": "logGroup" in self.names or "logStream" in self.names,
        }
        return next((name for name in (*self.lists, *self.empty) if marks.get(name)), None)


def _shape_of(text: bytes) -> _Shape:
    """The shape of the first object of a text, as far as it can be read."""
    shape = _Shape()
    scanner = Scanner(iter([text]), "object")
    if scanner.next_byte() != b"{":
        return shape
    start = scanner.offset
    try:
        shape.is_whole = _scan_members(scanner, shape)
    except FramingError:
        return shape
    shape.size = scanner.offset - start
    line = scanner.line
    if shape.is_whole and (following := scanner.next_byte()) is not None:
        shape.is_followed = True
        shape.is_adjacent = scanner.line == line and following == b"{"
    return shape


def _scan_members(scanner: Scanner, shape: _Shape) -> bool:
    scanner.advance()
    while (byte := scanner.next_byte()) is not None:
        if byte in (b"}", b","):
            scanner.advance()
            if byte == b"}":
                return True
            continue
        key = scanner.take_value()
        if key.torn or not scanner.expect(b":") or (byte := scanner.next_byte()) is None:
            return False
        if _scan_member(scanner, key.text[1:-1].decode("utf-8", "replace"), byte, shape):
            return False
    return False


def _scan_member(scanner: Scanner, name: str, byte: bytes, shape: _Shape) -> bool:
    """Record a member; True if the text ends inside it."""
    start = scanner.offset
    shape.names.append(name)
    if byte == b"[":
        scanner.advance()
        kinds = {b"{": 0}
        torn = False
        for value in elements(scanner):
            torn = value.torn
            if value.text:
                kinds[value.text[:1]] = kinds.get(value.text[:1], 0) + 1
        if len(kinds) == 1 and kinds[b"{"]:
            shape.lists[name] = kinds[b"{"]
        elif len(kinds) == 1:
            shape.empty.append(name)
    else:
        value = scanner.take_value()
        torn = value.torn
        if len(value.text) < 500:
            shape.texts[name] = value.text.strip(b'"').decode("utf-8", "replace")
    shape.sizes[name] = scanner.offset - start
    return torn


def _certain(shape: _Shape, whole: str) -> Decision | None:
    """Accept lists that are unwrapped automatically: CloudTrail Records and Kubernetes lists."""
    alone = not shape.is_followed or shape.is_adjacent
    listed = {*shape.lists, *shape.empty}
    if shape.names == ["Records"] and alone and listed:
        return Decision(
            "lists",
            _plan("Records", _is_cloudtrail, whole),
            ('took the records out of {"Records": […]}',),
        )
    if "items" in listed and alone and set(shape.names) <= _KUBERNETES:
        kind = shape.texts.get("kind")
        if "apiVersion" in shape.texts and (_ends_in_list(kind) or not (kind or shape.is_whole)):
            note = f"took the items out of a Kubernetes {kind or 'list'}"
            return Decision("lists", _plan("items", _is_kubernetes, whole), (note,))
    return None


def _plan(name: str, accepts: Callable[[Survey], bool], whole: str) -> ListPlan:
    return ListPlan(parse_path(name), accepts=accepts, otherwise=_options(name, whole))


def _is_cloudtrail(found: Survey) -> bool:
    return found.has_list and found.all_objects and not found.beside


def _is_kubernetes(found: Survey) -> bool:
    return (
        found.has_list
        and found.all_objects
        and "apiVersion" in found.texts
        and _ends_in_list(found.texts.get("kind"))
        and set(found.beside) <= _KUBERNETES
    )


def _ends_in_list(kind: str | None) -> bool:
    return kind is not None and kind.endswith("List")


def _ask_of_one(shape: _Shape, whole: str) -> None:
    """Refuse a single object that is more likely a list of records than a record.

    Raises:
        FramingError: it probably is a list.
    """
    for name, count in shape.lists.items():
        bulk = count > 1 and shape.sizes[name] * 2 > shape.size
        if name in _NAMES or len(shape.names) == 1 or bulk or not shape.is_whole:
            number = f"{count:,}" if shape.is_whole else f"{count:,} or more"
            objects = "object" if number == "1" else "objects"
            raise FramingError(
                f"this is one object with a list of {number} {objects} at {name!r}; "
                + _options(name, whole)
            )


def _options(name: str, whole: str) -> str:
    path = name.replace("\\", "\\\\").replace(".", "\\.")
    return (
        f"take its records with --records {path} (and what stands beside the list with "
        f"--keep-envelope), or the whole as one event with {whole}"
    )


def _notes(shape: _Shape) -> tuple[str, ...]:
    if not shape.lists:
        return ()
    name, count = next(iter(shape.lists.items()))
    return (
        f"one object with a list of {count:,} at {name!r} is taken as one event; "
        f"--records {name} would take the list",
    )


def _refuse_pages(shapes: list[_Shape], whole: str) -> None:
    """Refuse objects that are all pages of a service's records.

    Raises:
        FramingError: they are such pages.
    """
    names = {shape.service_list for shape in shapes}
    if len(names) == 1 and (name := names.pop()) and any(shape.lists for shape in shapes):
        raise FramingError(
            f"these are several objects that each hold a list of records at {name!r}; "
            + _options(name, whole).replace("the whole", "each")
        )


def _is_container(line: bytes) -> bool:
    return _is_nested(line) and line.strip() not in (b"{}", b"[]") and is_json(line)


def _is_nested(text: bytes) -> bool:
    return text.lstrip()[:1] in (b"{", b"[")


def _has_raw_line_break(text: bytes) -> bool:
    """True if a truncated text has a raw line break in a string, which JSON does not allow."""
    pieces = text.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
    return any(b"\n" in piece for piece in pieces[1::2])
