"""Pretty-prints canonical JSON. Only white space is added, so numbers keep their exact digits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from events.format.names import show

Kind = Literal["space", "mark", "key", "string", "number", "word"]

_LEXEME = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^{}\[\],:"\s]+')
INDENT = "  "


class Piece(NamedTuple):
    """A piece of the text with its token kind, for colouring."""

    text: str
    kind: Kind


def lay_out(canonical: str) -> Iterator[Piece]:
    """The pieces of a canonical JSON text, two spaces a level.

    Invisible characters, and those that change the writing direction, are written as \\u escapes,
    which is the same JSON: a payload cannot display as another text than it holds.
    """
    lexemes = [match.group() for match in _LEXEME.finditer(canonical)]
    depth = 0
    for index, lexeme in enumerate(lexemes):
        following = lexemes[index + 1] if index + 1 < len(lexemes) else ""
        if lexeme in "{[":
            yield Piece(lexeme, "mark")
            if following not in ("}", "]"):
                depth += 1
                yield Piece("\n" + INDENT * depth, "space")
        elif lexeme in "}]":
            if lexemes[index - 1] not in ("{", "["):
                depth -= 1
                yield Piece("\n" + INDENT * depth, "space")
            yield Piece(lexeme, "mark")
        elif lexeme == ",":
            yield Piece(lexeme, "mark")
            yield Piece("\n" + INDENT * depth, "space")
        elif lexeme == ":":
            yield Piece(": ", "mark")
        else:
            yield Piece(show(lexeme), _kind(lexeme, following))


def pretty(canonical: str) -> str:
    """The whole pretty-printed text."""
    return "".join(piece.text for piece in lay_out(canonical))


def _kind(lexeme: str, following: str) -> Kind:
    if lexeme.startswith('"'):
        return "key" if following == ":" else "string"
    return "word" if lexeme in ("true", "false", "null") else "number"
