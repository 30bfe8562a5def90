"""Canonical JSON: RFC 8785 (JCS), extended by exact integers from -2**63 to 2**64-1.

A text or value without a canonical form raises `CanonicalJSONError` with the RFC 6901 pointer of
the place.
"""

from __future__ import annotations

import json
import math
import re
import threading
from typing import Any, NamedTuple

import msgspec
import orjson

from events.errors import CanonicalJSONError

MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**64 - 1
MAX_DEPTH = 128
"""Nested arrays and objects: enough for any real log, far below every stack limit."""

_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
_ESCAPES |= {chr(code): f"\\u{code:04x}" for code in range(1, 0x20) if chr(code) not in _ESCAPES}
_ESCAPED = re.compile(r'["\\\x01-\x1f]')
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LONG_INTEGER = re.compile(r"[0-9]{19}")


class Document(NamedTuple):
    """A parsed JSON text; `plain` if `orjson` is certain to write it canonically."""

    value: Any
    plain: bool


class _RepeatedKey(Exception):
    """A key occurs twice in one object."""


class _NumberReader:
    """Parses number literals, and notes whether any of them was a double."""

    def __init__(self, *, stored: bool) -> None:
        self.stored = stored
        self.saw_double = False

    def double(self, literal: str) -> float:
        self.saw_double = True
        number = float(literal)
        if math.isinf(number):
            raise CanonicalJSONError(f"the number {_shorten(literal)} is too large for a double")
        return number

    def integer(self, literal: str) -> int | float:
        if len(literal) <= 20 and MIN_INTEGER <= int(literal) <= MAX_INTEGER:
            return int(literal)
        if self.stored:
            return self.double(literal)
        raise CanonicalJSONError(
            f"the integer {_shorten(literal)} is outside -2^63 … 2^64-1; send it as a string"
        )


def parse(text: bytes | str, *, stored: bool = False, inside: int = 0) -> Document:
    """Parse one JSON text strictly.

    Refused: repeated keys, NaN and infinity, doubles that overflow, integer literals outside -2**63
    … 2**64-1, nesting deeper than `MAX_DEPTH`, bytes that are not UTF-8. With `stored=True` the
    text comes from a JSONB column, which writes doubles out as long integers: there an integer
    literal outside the range is read as a double. `inside` is the number of levels that already
    enclose the text.

    Raises:
        CanonicalJSONError: the text is refused.
    """
    source = _decode(text)
    numbers = _NumberReader(stored=stored)
    try:
        value = json.loads(
            source,
            object_pairs_hook=_unique_keys,
            parse_float=numbers.double,
            parse_int=numbers.integer if _LONG_INTEGER.search(source) else None,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        raise CanonicalJSONError(
            f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except _RepeatedKey as error:
        key = _shorten(error.args[0])
        raise CanonicalJSONError(f"the key {key!r} appears twice in one object") from None
    except RecursionError:
        raise _too_deep() from None
    if source.count("[") + source.count("{") > MAX_DEPTH - inside:
        _check_depth(value, MAX_DEPTH - inside)
    return Document(value, not numbers.saw_double and source.isascii() and "\\u" not in source)


def canonicalize(value: Any, *, plain: bool = False) -> bytes:
    """The canonical UTF-8 bytes of a JSON value.

    `plain` is `Document.plain`, a promise that the value holds no double, no non-ASCII text and no
    escape: then orjson writes the same bytes fifty times faster (shown by property test), and
    refuses the same integers.

    Raises:
        CanonicalJSONError: the value, or a part of it, has no canonical form.
    """
    if plain:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    pieces: list[str] = []
    _write(value, pieces.append, 0)
    return "".join(pieces).encode()


def read(text: bytes) -> tuple[Any, bytes] | None:
    """The value of a JSON text and its canonical bytes, by the fast path; None if the fast path is
    not certain. Use `parse` and `canonicalize` then."""
    quick = _quick(text, stored=False)
    return None if quick is None else (orjson.loads(text), quick)


def canonicalize_text(text: bytes | str, *, stored: bool = False) -> bytes:
    """The canonical bytes of a JSON text; `stored` as in `parse`.

    Takes the fast path where it is certain to give the same bytes; otherwise the strict one, which
    gives the reason of a refusal.
    """
    quick = _quick(text, stored=stored)
    if quick is not None:
        return quick
    value, plain = parse(text, stored=stored)
    return canonicalize(value, plain=plain)


def _quick(text: bytes | str, *, stored: bool) -> bytes | None:
    """Fast path: canonical bytes by `msgspec` and `orjson`, or None if not certain.

    Certain, because `msgspec` accepts a subset of what the strict parser accepts, with the same
    values, and `orjson` writes strings, literals and 64-bit integers as RFC 8785 does and refuses
    every other integer. Where they differ:

    - doubles are written by our own `_double`, as ECMAScript does;
    - numeric escapes (U+0000, lone surrogates) go the strict way;
    - `orjson` sorts keys by code point, which equals UTF-16 order below U+10000: text with a
      character of four bytes in UTF-8 goes the strict way;
    - nesting that might be too deep goes the strict way;
    - a repeated key would vanish. JSONB has none. If the output of a submitted text is as long as
      the input and no double became longer, nothing was lost: nothing else can grow. Otherwise the
      members are counted before and after.
    """
    _doubles.grew = False
    try:
        source = text.encode() if isinstance(text, str) else text
        if b"\\u" in source or source.count(b"[") + source.count(b"{") > MAX_DEPTH:
            return None
        if not source.isascii() and _FOUR_BYTES.search(source):
            return None
        written = orjson.dumps(_READER.decode(source), option=orjson.OPT_SORT_KEYS)
    except (ValueError, TypeError, CanonicalJSONError, msgspec.MsgspecError):
        return None
    if stored or (len(written) == len(source) and not _doubles.grew):
        return written
    return written if _members(source) == _members(written) else None


def _canonical_double(literal: str) -> orjson.Fragment:
    written = _double(float(literal))
    if len(written) > len(literal):
        _doubles.grew = True
    return orjson.Fragment(written)


_doubles = threading.local()
_READER = msgspec.json.Decoder(float_hook=_canonical_double)
_FOUR_BYTES = re.compile(b"[\xf0-\xf7]")


def _members(source: bytes) -> int:
    """Number of members of all objects in a valid JSON text: the colons outside its strings."""
    if b"\\" in source:
        source = source.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(source.split(b'"')[::2]).count(b":")


def expansion(canonical: bytes) -> int:
    """Upper bound of the digits that JSONB adds when it writes out the exponents of a canonical
    text.

    1e+308 takes 6 bytes here and 309 there, so a small text can be a large row. What looks like a
    number inside a string counts as well.
    """
    if b"e+" not in canonical and b"e-" not in canonical:
        return 0
    return sum(int(exponent) for exponent in re.findall(rb"[0-9]e[+-]([0-9]{1,3})", canonical))


def _decode(text: bytes | str) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise CanonicalJSONError(f"not UTF-8: byte {error.start} is wrong") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        raise _RepeatedKey(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return members


def _refuse_constant(name: str) -> None:
    raise CanonicalJSONError(f"{name} is not a JSON number")


def _shorten(literal: str) -> str:
    return literal if len(literal) <= 40 else f"{literal[:20]}… ({len(literal)} characters)"


def _too_deep() -> CanonicalJSONError:
    return CanonicalJSONError(f"nested deeper than {MAX_DEPTH} levels")


def _check_depth(value: Any, most: int) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(most):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise _too_deep()


def _write(value: Any, emit: Any, depth: int) -> None:
    if isinstance(value, str):
        emit(_string(value))
    elif value is None or value is True or value is False:
        emit("null" if value is None else "true" if value else "false")
    elif isinstance(value, int):
        emit(_integer(value))
    elif isinstance(value, float):
        emit(_double(value))
    elif not isinstance(value, dict | list | tuple):
        raise CanonicalJSONError(f"{type(value).__name__} is not a JSON type")
    elif depth >= MAX_DEPTH:
        raise _too_deep()
    elif isinstance(value, dict):
        _write_object(value, emit, depth + 1)
    else:
        _write_array(value, emit, depth + 1)


def _write_object(members: dict[Any, Any], emit: Any, depth: int) -> None:
    separator = "{"
    for key in sorted(members, key=_utf16):
        emit(f"{separator}{_string(key)}:")
        _write_child(members[key], emit, depth, key)
        separator = ","
    emit("}" if members else "{}")


def _write_array(items: list[Any] | tuple[Any, ...], emit: Any, depth: int) -> None:
    separator = "["
    for index, item in enumerate(items):
        emit(separator)
        _write_child(item, emit, depth, index)
        separator = ","
    emit("]" if items else "[]")


def _write_child(child: Any, emit: Any, depth: int, name: str | int) -> None:
    try:
        _write(child, emit, depth)
    except CanonicalJSONError as error:
        step = str(name).replace("~", "~0").replace("/", "~1")
        raise CanonicalJSONError(error.reason, f"/{step}{error.path}") from None


def _utf16(key: Any) -> bytes:
    """RFC 8785 section 3.2.3: keys are ordered by their UTF-16 code units."""
    if not isinstance(key, str):
        raise CanonicalJSONError(f"an object key is {type(key).__name__}, not a string")
    return key.encode("utf-16-be", "surrogatepass")


def _string(text: str) -> str:
    """RFC 8785 section 3.2.2.2. U+0000 is valid JSON, but no PostgreSQL text can hold it."""
    if unstorable := _UNSTORABLE.search(text):
        code = ord(unstorable.group())
        what = "U+0000 cannot be stored" if code == 0 else f"lone surrogate U+{code:04X}"
        raise CanonicalJSONError(f"{what} in a string")
    return f'"{_ESCAPED.sub(lambda match: _ESCAPES[match.group()], text)}"'


def _integer(number: int) -> str:
    if not MIN_INTEGER <= number <= MAX_INTEGER:
        raise CanonicalJSONError("an integer is outside -2^63 … 2^64-1; send it as a string")
    return str(number)


def _double(number: float) -> str:
    """ECMA-262 Number::toString, from the shortest digits that Python's repr also gives."""
    if not math.isfinite(number):
        raise CanonicalJSONError(f"{number} is not a JSON number")
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    return sign + _place_point(digits.rstrip("0"), point)


def _place_point(digits: str, point: int) -> str:
    """ECMA-262 section 6.1.6.1.20: 0.`digits` times ten to the power of `point`."""
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
