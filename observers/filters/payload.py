"""Parses the value that a field of the payload is compared with, without rounding numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass

from events.errors import CanonicalJSONError, LedgerError
from events.format.canonical import canonicalize, parse


class PayloadValueError(LedgerError):
    """No payload can hold the value."""


@dataclass(frozen=True, slots=True)
class PayloadValue:
    """A value as canonical JSON. `text` is the same as a JSON string where it is a number, `true`,
    `false` or `null`, because logs write these as texts too; otherwise None."""

    json: str
    text: str | None


def parse_value(text: str) -> PayloadValue:
    """Parses JSON such as `42`, `true` or `{"a":1}`; anything else is taken as text.

    Raises:
        PayloadValueError: it is JSON, but nothing that the ledger could hold.
    """
    is_json = _is_json(text)
    try:
        value = canonicalize(parse(text).value if is_json else text).decode()
    except CanonicalJSONError as error:
        raise PayloadValueError(f"no payload can hold this: {error}") from None
    bare = is_json and text.strip()[:1] not in ('"', "{", "[")
    return PayloadValue(value, json.dumps(text.strip()) if bare else None)


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
