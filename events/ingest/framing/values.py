"""Reads JSON values one after the other from a stream of bytes.

A value is delimited by its brackets and quotes, which is exact for valid JSON, and then validated:
after an invalid value the start of the next is unknown. Bytes between values are checked too.

Invariant: at most one value and one chunk are buffered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from events.ingest.errors import FramingError

MAX_OPEN = 2**20
"""Maximum nesting; each open bracket takes a byte of memory."""

_SPACE = re.compile(rb"[ \t\r\n]*+")
_TO_BRACKET = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+', re.DOTALL)
_IN_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_SCALAR_END = re.compile(rb'[\s,\[\]{}":]')
_SCALAR = re.compile(rb"true|false|null|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+")
_QUOTE = ord('"')
_CLOSER = {ord("{"): ord("}"), ord("["): ord("]")}
_ANY = msgspec.json.Decoder(msgspec.Raw)


@dataclass(frozen=True, slots=True)
class Value:
    """The text of a value and its first line. `torn` means that the input ended inside it."""

    text: bytes
    line: int
    torn: bool = False
    too_long: bool = False

    @property
    def is_scalar(self) -> bool:
        """True unless it is an object or an array."""
        return not self.too_long and self.text[:1] not in (b"{", b"[")


class Scanner:
    """A cursor over the chunks; bytes before `_at` are consumed.

    `what` names the expected format in errors. Pieces of values longer than `limit` go to `spill`.
    If `copy` is set, every consumed byte is written to it.
    """

    def __init__(
        self,
        chunks: Iterator[bytes],
        what: str,
        spill: Callable[[bytes], None] = lambda piece: None,
        limit: int = 2**63,
        line: int = 1,
        offset: int = 0,
    ) -> None:
        self._chunks = chunks
        self._what = what
        self._spill = spill
        self.limit = limit
        self._buffer = b""
        self._at = 0
        self._offset = offset
        self.line = line
        self.copy: BinaryIO | None = None

    @property
    def offset(self) -> int:
        """Number of bytes consumed."""
        return self._offset + self._at

    def wrong(self, why: str = "") -> FramingError:
        """The error for an unexpected byte at this position."""
        place = f"byte {self.offset + 1}, line {self.line}"
        return FramingError(f"not a valid {self._what}: {place}{': ' + why if why else ''}")

    def next_byte(self) -> bytes | None:
        """Skip white space and peek at the next byte; None at the end."""
        while True:
            space = _SPACE.match(self._buffer, self._at)
            self._move(space.end() if space else self._at)
            if self._at < len(self._buffer):
                return self._buffer[self._at : self._at + 1]
            if not self._fill():
                return None

    def advance(self) -> None:
        """Consume one byte."""
        self._move(self._at + 1)

    def expect(self, byte: bytes) -> bool:
        """Consume this byte; False at the end of the input.

        Raises:
            FramingError: there is another byte.
        """
        found = self.next_byte()
        if found is not None and found != byte:
            raise self.wrong(f"{byte.decode()} is missing")
        if found is not None:
            self.advance()
        return found is not None

    def take_value(self) -> Value:
        """Consume the value that begins here.

        Raises:
            FramingError: it is not a JSON value.
        """
        at, line = self.offset, self.line
        first = self._buffer[self._at]
        value = self._take_nested(line) if first == _QUOTE or first in _CLOSER else self._scalar()
        if not (value.torn or value.too_long or is_json(value.text)):
            begin = value.text[:20].decode("utf-8", "replace")
            place = f"byte {at + 1}, line {line}"
            raise FramingError(f"not a valid {self._what}: {place}: {begin!r} is not JSON")
        return value

    def _scalar(self) -> Value:
        seen, line = self._at, self.line
        while (end := _SCALAR_END.search(self._buffer, seen)) is None:
            if len(self._buffer) - self._at > 1000:
                raise self.wrong()
            seen, start = len(self._buffer), self._at
            if not self._fill():
                break
            seen -= start
        text = self._buffer[self._at : end.start() if end else len(self._buffer)]
        if not _SCALAR.fullmatch(text):
            raise self.wrong()
        self._move(self._at + len(text))
        return Value(text, line)

    def _take_nested(self, line: int) -> Value:
        """Consume up to the bracket or quote that closes the first."""
        opened = bytearray()
        in_string, too_long = self._buffer[self._at] == _QUOTE, False
        seen = self._at + in_string
        while True:
            found = (_IN_STRING if in_string else _TO_BRACKET).match(self._buffer, seen)
            seen = found.end() if found else seen
            if seen < len(self._buffer) and not (in_string and self._buffer[seen] != _QUOTE):
                byte = self._buffer[seen]
                seen += 1
                if byte == _QUOTE:
                    in_string = not in_string
                elif byte in _CLOSER:
                    opened.append(_CLOSER[byte])
                elif not opened or opened.pop() != byte or len(opened) > MAX_OPEN:
                    self._move(seen - 1)
                    raise self.wrong("the brackets do not match")
                if not opened and not in_string:
                    return self._cut(seen, line, torn=False, too_long=too_long)
                continue
            # The buffer ends here, inside a string perhaps within an escape.
            if too_long or seen - self._at > self.limit:
                self._drop(seen)
                too_long = True
            start = self._at
            if not self._fill():
                return self._cut(len(self._buffer), line, torn=True, too_long=too_long)
            seen -= start

    def _cut(self, end: int, line: int, *, torn: bool, too_long: bool) -> Value:
        if too_long or end - self._at > self.limit:
            self._drop(end)
            return Value(b"", line, torn, too_long=True)
        text = self._buffer[self._at : end]
        self._move(end)
        return Value(text, line, torn)

    def _drop(self, end: int) -> None:
        self._spill(self._buffer[self._at : end])
        self._move(end)

    def _move(self, to: int) -> None:
        if to == self._at:
            return
        if self.copy:
            self.copy.write(self._buffer[self._at : to])
        self.line += self._buffer.count(b"\n", self._at, to)
        self._at = to

    def _fill(self) -> bool:
        """Read another chunk; False at the end of the input."""
        for chunk in self._chunks:
            if chunk:
                self._buffer = self._buffer[self._at :] + chunk
                self._offset += self._at
                self._at = 0
                return True
        return False


def elements(scanner: Scanner) -> Iterator[Value]:
    """Read the elements of the array whose bracket was just consumed. Extra commas are accepted,
    because senders write them; missing ones are not.

    Raises:
        FramingError: there is anything else between the elements.
    """
    separated = True
    while (byte := scanner.next_byte()) is not None:
        if byte == b"]":
            scanner.advance()
            return
        if byte == b",":
            scanner.advance()
            separated = True
            continue
        if not separated:
            raise scanner.wrong("a comma is missing")
        value = scanner.take_value()
        yield value
        if value.torn:
            return
        separated = False
    yield Value(b"", scanner.line, torn=True)


def is_json(text: bytes) -> bool:
    """True if a text is a single JSON value syntactically, including values that `canonical`
    refuses (NaN, bytes that are not UTF-8, raw control characters, lone surrogates)."""
    try:
        _ANY.decode(text)
    except RecursionError:
        return True
    except msgspec.MsgspecError:
        pass
    else:
        return True
    try:
        json.loads(text.decode("utf-8", "replace"), strict=False)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True
