"""Reads XML lists of elements, such as the events of a Windows event log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from xml.parsers import expat

from events.ingest.errors import FramingError
from events.ingest.framing.record import Record, Spill, too_long
from events.ingest.texts.line_records import Fields, text_record

MAX_DEPTH = 100
_ROOT = b"<ingest>"
_TEXT, _ATTRIBUTES = "#text", "#attributes"


def read_elements(
    chunks: Iterator[bytes], spill: Spill, limit: int, say: Callable[[str], None]
) -> Iterator[Record]:
    """Read one record an element, numbered by position: the outermost elements if they are named
    `Event`, otherwise their children, as in `<Events><Event>…`.

    `fields` is the element as evtx_dump writes it in JSON: attributes in `#attributes`, text
    beside them in `#text`, children by name, repeated ones as a list. A `Data` element that has a
    `Name` becomes a member of that name.

    Raises:
        FramingError: the XML is not well-formed, or has a document type.
    """
    reader = _Reader(spill, limit)
    for chunk in chunks:
        reader.feed(chunk)
        yield from reader.take()
    reader.end()
    yield from reader.take()


class _Reader:
    """Feeds expat and buffers the bytes of the open element."""

    def __init__(self, spill: Spill, limit: int) -> None:
        self._spill = spill
        self._limit = limit
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._depth = -1
        self._open: list[_Element] = []
        self._record_depth = 0
        self._first_line = 0
        self._begin = 0
        self._kept = _ROOT
        self._kept_from = 0
        self._is_begun = False
        self._is_long = False
        self._number = 0
        self._ready: list[Record] = []
        self._parse(_ROOT)

    def feed(self, chunk: bytes) -> None:
        """Parse more bytes."""
        if not self._is_begun and chunk.strip():
            self._is_begun = True
            stripped = chunk.lstrip()
            if stripped.startswith(b"<?xml") and b"?>" in stripped:
                # A declaration must come first, but the input is wrapped in `_ROOT`.
                end = chunk.index(b"?>") + 2
                chunk = b" " * end + chunk[end:]
        self._kept += chunk
        self._parse(chunk)
        if not self._open:
            self._keep_from(self._parser.CurrentByteIndex)
        elif len(self._kept) - (self._begin - self._kept_from) > self._limit:
            self._drop(self._kept_from + len(self._kept))

    def end(self) -> None:
        """Finish parsing."""
        self._parse(b"</ingest>")

    def take(self) -> Iterator[Record]:
        """Return the complete records."""
        ready, self._ready = self._ready, []
        return iter(ready)

    def _parse(self, piece: bytes) -> None:
        try:
            self._parser.Parse(piece, False)
        except expat.ExpatError as error:
            raise FramingError(
                f"not XML: line {error.lineno}, column {error.offset}: "
                f"{expat.errors.messages[error.code]}"
            ) from None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FramingError(f"XML, line {self._line}: nested deeper than {MAX_DEPTH}")
        if not self._open:
            if self._record_depth == 0 and self._depth == 1:
                self._record_depth = 1 if name.rpartition(":")[2] == "Event" else 2
            if self._depth == 0 or self._depth != self._record_depth:
                return
            self._begin = self._parser.CurrentByteIndex
            self._first_line = self._line
            self._is_long = False
        self._open.append(_Element(name, attributes))

    def _end(self, name: str) -> None:
        self._depth -= 1
        if not self._open:
            return
        element = self._open.pop()
        if self._open:
            if not self._is_long:
                self._open[-1].children.append(element)
            return
        self._number += 1
        end = self._parser.CurrentByteIndex
        if self._is_long:
            self._spill(b"\n")
            self._ready.append(too_long(self._number, self._first_line, self._limit))
            return
        raw = self._kept[self._begin - self._kept_from : end - self._kept_from]
        if element.children or element.text or not raw.endswith(b"/>"):
            rest = self._kept[end - self._kept_from :]
            raw += rest[: rest.index(b">") + 1]
        record, _ = text_record(
            self._number, self._first_line, raw, lambda text: {element.name: element.as_json()}
        )
        self._ready.append(record)

    def _text(self, text: str) -> None:
        if self._open and not self._is_long:
            self._open[-1].text.append(text)
        elif not self._open and text.strip():
            raise FramingError(f"XML, line {self._line}: there is text between the elements")

    def _doctype(self, *_: Any) -> None:
        raise FramingError("XML with a document type is refused: entities could expand to anything")

    @property
    def _line(self) -> int:
        return self._parser.CurrentLineNumber

    def _keep_from(self, place: int) -> None:
        self._kept = self._kept[max(place - self._kept_from, 0) :]
        self._kept_from = max(place, self._kept_from)

    def _drop(self, place: int) -> None:
        start = max(self._begin - self._kept_from, 0)
        self._spill(self._kept[start:])
        self._is_long = True
        self._keep_from(place)
        self._begin = place


class _Element:
    """An element with its attributes, children and text."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name.rpartition(":")[2]
        self.attributes = attributes
        self.children: list[_Element] = []
        self.text: list[str] = []

    def as_json(self) -> Any:
        """The element as evtx_dump writes it."""
        attributes = {
            name: value
            for name, value in self.attributes.items()
            if name != "xmlns" and not name.startswith("xmlns:")
        }
        text = "".join(self.text)
        if not self.children and not attributes:
            return text
        members: Fields = {_ATTRIBUTES: attributes} if attributes else {}
        for child in self.children:
            name, value = child.member()
            if name not in members:
                members[name] = value
            elif isinstance(members[name], list):
                members[name].append(value)
            else:
                members[name] = [members[name], value]
        if text.strip():
            members[_TEXT] = text
        return members

    def member(self) -> tuple[str, Any]:
        """The name and value of the element as a member of its parent."""
        if self.name == "Data" and set(self.attributes) == {"Name"} and not self.children:
            return self.attributes["Name"], "".join(self.text)
        return self.name, self.as_json()
