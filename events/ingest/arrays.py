"""Finds the elements of JSON arrays in a stream of bytes, by brackets and quotes alone.

It must never parse a value, and never hold more than one element and one chunk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Objects that only wrap a list: {"Records": […]} (CloudTrail), {"records": […]},
# {"kind": "EventList", "apiVersion": …, "metadata": {…}, "items": […]} (Kubernetes).
_MEMBER = rb'"(?:kind|apiVersion|metadata)"\s*:\s*(?:"[^"]{0,200}"|\{[^{}]{0,2000}\})\s*,\s*'
_WRAPPER = re.compile(
    rb'\{\s*(?:"[Rr]ecords"|(?:' + _MEMBER + rb'){1,3}"items")\s*:\s*\[', re.DOTALL
)
_WRAPPER_ROOM = 8192
_SPACE = re.compile(rb"[ \t\r\n]*")
_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'"|\\.', re.DOTALL)
_SCALAR_END = re.compile(rb'[\s,\[\]{}"]')
_OPENING = b"[{"


@dataclass(frozen=True, slots=True)
class Element:
    """The text of one element and the line it starts on. `torn`: the input ended inside it."""

    text: bytes
    line: int
    torn: bool = False
    too_long: bool = False


def starts_list(text: bytes) -> bool:
    """Whether a text begins with an object that wraps a list of records."""
    return _WRAPPER.match(text) is not None


def read_elements(
    chunks: Iterator[bytes], spill: Callable[[bytes], None], limit: int
) -> Iterator[Element]:
    """The elements of every array, and of every list that an object wraps; a value of another
    kind is an element itself. What a wrapping object holds beside its list is passed over."""
    text = _Stream(chunks, spill, limit)
    while (byte := text.next_byte()) is not None:
        if byte == b"[":
            text.advance(1)
            yield from _list(text)
        elif byte == b"{" and (wrapper := text.match(_WRAPPER, _WRAPPER_ROOM)):
            text.advance(len(wrapper))
            yield from _list(text)
            text.discard_object()
        else:
            yield text.take_value()


def _list(text: _Stream) -> Iterator[Element]:
    while (byte := text.next_byte()) is not None:
        if byte == b"]":
            text.advance(1)
            return
        if byte == b",":
            text.advance(1)
        else:
            element = text.take_value()
            yield element
            if element.torn:
                return
    yield Element(b"", text.line, torn=True)


class _Stream:
    """A window over the chunks. Everything before `at` is done with and dropped."""

    def __init__(self, chunks: Iterator[bytes], spill: Callable[[bytes], None], limit: int) -> None:
        self._chunks = chunks
        self._spill = spill
        self._limit = limit
        self._buffer = b""
        self._at = 0
        self.line = 1

    def next_byte(self) -> bytes | None:
        """The next byte that is no white space, not yet consumed; None at the end."""
        while True:
            space = _SPACE.match(self._buffer, self._at)
            self._move(space.end() if space else self._at)
            if self._at < len(self._buffer):
                return self._buffer[self._at : self._at + 1]
            if not self._fill():
                return None

    def match(self, pattern: re.Pattern[bytes], room: int) -> bytes | None:
        """The text that a pattern matches here, looking at no more than `room` bytes."""
        while len(self._buffer) - self._at < room and self._fill():
            pass
        found = pattern.match(self._buffer, self._at, self._at + room)
        return found.group() if found else None

    def advance(self, count: int) -> None:
        """Consume bytes."""
        self._move(self._at + count)

    def take_value(self) -> Element:
        """Consume the value that begins here."""
        return self._scan(depth=0, keep=True)

    def discard_object(self) -> None:
        """Consume the rest of the object around here."""
        self._scan(depth=1, keep=False)

    def _scan(self, *, depth: int, keep: bool) -> Element:
        """Go to the end of the value, or to where `depth` brackets are closed."""
        line, too_long, in_string = self.line, False, False
        scalar = not depth and self._buffer[self._at : self._at + 1] not in (b"{", b"[", b'"')
        seen = self._at + scalar
        while True:
            pattern = _SCALAR_END if scalar else _INSIDE if in_string else _OUTSIDE
            found = pattern.search(self._buffer, seen)
            if found is None:
                # Half an escape at the end of the window is looked at again.
                half = in_string and self._buffer.endswith(b"\\", seen)
                seen = len(self._buffer) - half
                if seen - self._at > self._limit or not keep or too_long:
                    too_long = self._drop(seen, keep) or too_long
                start = self._at
                if not self._fill():
                    return self._cut(len(self._buffer), line, not scalar, too_long, keep)
                seen -= start
                continue
            seen = found.end()
            if scalar:
                return self._cut(found.start(), line, False, too_long, keep)
            if found[0] == b'"':
                in_string = not in_string
            elif not in_string:
                depth += 1 if found[0] in _OPENING else -1
            if depth <= 0 and not in_string:
                return self._cut(seen, line, False, too_long, keep)

    def _cut(self, end: int, line: int, torn: bool, too_long: bool, keep: bool) -> Element:
        """Consume up to `end` as an element."""
        if too_long or end - self._at > self._limit:
            too_long = self._drop(end, keep)
        text = self._buffer[self._at : end]
        self._move(end)
        return Element(text, line, torn, too_long)

    def _drop(self, end: int, keep: bool) -> bool:
        """Let go of what is too long to be held; True if it was to be kept."""
        if keep:
            self._spill(self._buffer[self._at : end])
        self._move(end)
        return keep

    def _move(self, to: int) -> None:
        self.line += self._buffer.count(b"\n", self._at, to)
        self._at = to

    def _fill(self) -> bool:
        """Read another chunk; False at the end of the input."""
        for chunk in self._chunks:
            if chunk:
                self._buffer = self._buffer[self._at :] + chunk
                self._at = 0
                return True
        return False
