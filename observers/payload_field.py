"""Parses a field of a payload and its expected value from an address, without rounding numbers."""

from __future__ import annotations

import json

from events.errors import CanonicalJSONError, LedgerError
from events.format.canonical import canonicalize, parse

MAX_FIELD, MAX_VALUE = 500, 1000
"""Characters of a path and of a value."""


class PayloadFieldError(LedgerError):
    """The path or the value is malformed."""


def parse_field(text: str) -> list[str]:
    r"""The keys from the payload's root to the field: `user.id` leads to `{"user": {"id": …}}`.

    A number is an index where the payload has an array (from 0; from the end if negative). `\.`
    is a dot inside a key, `\\` a backslash.

    Raises:
        PayloadFieldError: a backslash stands before anything else.
    """
    keys: list[str] = []
    key, characters = "", iter(text)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            if escaped not in (".", "\\"):
                raise PayloadFieldError(
                    r"a backslash stands only before a dot or a backslash, as in a\.b"
                )
            key += escaped
        elif character == ".":
            keys.append(key)
            key = ""
        else:
            key += character
    return [*keys, key]


def parse_value(text: str) -> str:
    """Returns the value as canonical JSON: `42`, `true`, `{"a":1}`; anything that is not JSON is
    taken as text.

    Raises:
        PayloadFieldError: it is JSON, but nothing that the ledger could hold.
    """
    try:
        return canonicalize(parse(text).value if _is_json(text) else text).decode()
    except CanonicalJSONError as error:
        raise PayloadFieldError(f"no payload can hold this: {error}") from None


def text_alike(text: str) -> str | None:
    """Returns the text as a JSON string where it also reads as a number, `true`, `false` or `null`,
    because logs write these as texts too; otherwise None."""
    if not _is_json(text) or text.strip()[:1] in ('"', "{", "["):
        return None
    return json.dumps(text.strip())


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_not_json)
    except RecursionError:
        return True  # for `parse` to say what is wrong with it
    except ValueError:
        return False
    return True


def _not_json(literal: str) -> None:
    raise ValueError(literal)
