"""Finds where the records of a body begin and end.

Records are found by brackets and quotes alone and parsed one at a time by the mapping: the values
of a whole body would take about twenty times its bytes. Between records only white space, commas of
an array and record separators (RFC 7464) may stand; any other text is refused whole, before
anything is written.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from events.api.problems import MALFORMED_JSON, TOO_LARGE, Refused

MAX_RECORDS = 100_000
"""Maximum number of records in one body."""

BOM = b"\xef\xbb\xbf"

_BETWEEN = re.compile(rb"[\s\x1e]*")
_BLANKS = re.compile(rb"\s*")
# Possessive throughout: no backtracking, however long a string is.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_TO_BRACKETS = re.compile(
    rb'[^"{}\[\]]*+(?:"(?:[^"\\]++|\\.)*+"[^"{}\[\]]*+)*+([{\[]++|[}\]]++)', re.DOTALL
)
_SCALAR = re.compile(rb"[^,\]\[{}\"]*")
_SHOWN = 40

MAX_TURNS = 4 * 2**20
"""Limit on changes from opening to closing brackets or back in a body: each costs time."""


@dataclass(frozen=True, slots=True)
class Place:
    """Position of a record in its body: bytes from `start` to `end`, on a `line` from 1."""

    start: int
    end: int
    line: int


def in_json(body: bytes) -> list[Place]:
    """Find the records of a JSON body: concatenated objects and the elements of arrays.

    Raises:
        Refused: it is something else, or holds too many.
    """
    return _counted(_in_json(body))


def in_lines(body: bytes) -> list[Place]:
    """Find the records of a body of one JSON document a line; an error affects only its line.

    Raises:
        Refused: there are too many.
    """
    return _counted(_in_json_lines(body))


def in_text(body: bytes) -> list[Place]:
    """The lines of a text that are not blank.

    Raises:
        Refused: there are too many.
    """
    return _counted(_lines(body))


def _counted(places: Iterator[Place]) -> list[Place]:
    found: list[Place] = []
    for place in places:
        if len(found) == MAX_RECORDS:
            raise Refused(
                TOO_LARGE,
                f"a body has at most {MAX_RECORDS:,} records; send them in several",
                max_records=MAX_RECORDS,
            )
        found.append(place)
    return found


def _in_json(body: bytes) -> Iterator[Place]:
    scan = _Scan(body)
    line, seen, at = 1, 0, len(BOM) if body.startswith(BOM) else 0
    while (at := _after(_BETWEEN, body, at)) < len(body):
        line, seen = line + body.count(b"\n", seen, at), at
        opening = body[at : at + 1]
        if opening == b"{":
            end = scan.end_of_value(at, len(body))
            yield Place(at, end, line)
            at = end
        elif opening == b"[":
            at = yield from _elements(body, scan, at, line)
        else:
            raise _not_json(body, at, line)


def _in_json_lines(body: bytes) -> Iterator[Place]:
    scan = _Scan(body)
    for whole in _lines(body):
        at, end = whole.start, whole.end
        while (at := min(_after(_BETWEEN, body, at), end)) < end:
            stop = scan.end_of_value(at, end) if body[at : at + 1] == b"{" else end
            yield Place(at, stop, whole.line)
            at = stop


def _lines(body: bytes) -> Iterator[Place]:
    """Yield lines; runs of blank lines are skipped at once: a body has room for millions."""
    number, seen, at = 1, 0, len(BOM) if body.startswith(BOM) else 0
    while True:
        written = _after(_BLANKS, body, at)
        if written >= len(body):
            return
        begin = max(at, body.rfind(b"\n", at, written) + 1)
        number, seen = number + body.count(b"\n", seen, begin), begin
        end = body.find(b"\n", written)
        end = len(body) if end < 0 else end
        yield Place(begin, end, number)
        at = end


def _elements(body: bytes, scan: _Scan, start: int, line: int) -> Generator[Place, None, int]:
    """Find the elements of the array at `start`; return where it ended.

    Raises:
        Refused: something in it is not an element.
    """
    at, seen, wants_value = start + 1, start, True
    while (at := _after(_BLANKS, body, at)) < len(body):
        line, seen = line + body.count(b"\n", seen, at), at
        sign = body[at : at + 1]
        if sign == b"]":
            return at + 1
        if sign == b"," and not wants_value:
            at, wants_value = at + 1, True
            continue
        if not wants_value or sign in b",}":
            raise _not_json(body, at, line)
        if sign in b'{["':
            end = scan.end_of_value(at, len(body))
        else:
            end = at + len(body[at : _after(_SCALAR, body, at)].rstrip())
        yield Place(at, end, line)
        at, wants_value = end, False
    raise Refused(MALFORMED_JSON, "not JSON: an array is not closed")


class _Scan:
    """Scans the values of one body."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._turns = 0

    def end_of_value(self, at: int, stop: int) -> int:
        """Return the position after a bracketed or quoted value; `stop` if it is not ended.

        Raises:
            Refused: the body has too many values.
        """
        if self._body[at : at + 1] == b'"':
            string = _STRING.match(self._body, at, stop)
            return string.end() if string else stop
        depth = 0
        while found := _TO_BRACKETS.match(self._body, at, stop):
            self._turns += 1
            start, at = found.span(1)
            if self._body[start] in b"{[":
                depth += at - start
            elif depth <= at - start:
                return start + depth
            else:
                depth -= at - start
            if self._turns > MAX_TURNS:
                raise Refused(TOO_LARGE, "the body has too many values; send smaller ones")
        return stop


def _after(pattern: re.Pattern[bytes], body: bytes, at: int) -> int:
    found = pattern.match(body, at)
    return found.end() if found else at


def _not_json(body: bytes, at: int, line: int) -> Refused:
    shown = body[at : at + _SHOWN].split(b"\n")[0].decode(errors="replace")
    return Refused(
        MALFORMED_JSON,
        f"not JSON records: line {line}, byte {at} reads {shown!r}; lines of text are sent as "
        "text/plain",
        errors=[{"pointer": "", "line": line, "detail": "expected an object or an array"}],
    )
