"""Reads JSON values one after the other from a stream of bytes.

What stands between the values is checked here, byte by byte. A value is found by its brackets and
quotes, which is exact for every JSON value, and it is checked to be one: behind what only looks
like a value nobody knows where the next begins.

Invariant: one value and one chunk are held, whatever the input.
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
"""Brackets that may be open at once; each takes a byte."""

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
    """The text of a value and the line it starts on. `torn`: the input ended inside it."""

    text: bytes
    line: int
    torn: bool = False
    too_long: bool = False

    @property
    def is_scalar(self) -> bool:
        """Neither an object nor an array."""
        return not self.too_long and self.text[:1] not in (b"{", b"[")


class Scanner:
    """A window over the chunks. Everything before `_at` is done with and dropped.

    `what` is what the input is read as, for errors. Pieces of values longer than `limit` go to
    `spill`. `copy`, where it is set, gets every byte that is consumed.
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
        """Bytes consumed."""
        return self._offset + self._at

    def wrong(self, why: str = "") -> FramingError:
        """The error that this is not what it is read as, here."""
        place = f"byte {self.offset + 1}, line {self.line}"
        return FramingError(f"no {self._what}: {place}{': ' + why if why else ''}")

    def next_byte(self) -> bytes | None:
        """The next byte that is no white space, not yet consumed; None at the end."""
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
            FramingError: another stands here.
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
            FramingError: it is no JSON value.
        """
        at, line = self.offset, self.line
        first = self._buffer[self._at]
        value = self._take_nested(line) if first == _QUOTE or first in _CLOSER else self._scalar()
        if not (value.torn or value.too_long or is_json(value.text)):
            begin = value.text[:20].decode("utf-8", "replace")
            raise FramingError(f"no {self._what}: byte {at + 1}, line {line}: {begin!r} is no JSON")
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
        """Go to where every bracket and quote that opens is closed."""
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
            # The window ends here, inside a string perhaps with half an escape.
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
    """The elements of the array whose bracket was just consumed. Commas may be too many, as
    senders write them, and not too few.

    Raises:
        FramingError: anything else stands between them.
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
    """Whether a text is one JSON value as far as its extent goes: what `canonical` refuses for
    other reasons (NaN, bytes that are not UTF-8, raw control characters, lone surrogates) is."""
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
