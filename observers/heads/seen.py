"""A seen head, and the parser of files of saved heads. Malformed input is refused, never
skipped."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from events.errors import LedgerError
from events.format.event import MAX_SEQUENCE

_HASH = re.compile(r"[0-9a-f]{64}")


class SavedHeadError(LedgerError):
    """A saved head is malformed; the message says where and why."""


@dataclass(frozen=True, slots=True)
class SeenHead:
    """The answer of `GET /api/v1/head` at some time: the last sequence, its content_hash (64 hex
    digits), and its authority time."""

    sequence: int
    content_hash: str
    authority_timestamp: str | None = None

    def __str__(self) -> str:
        return f"{self.sequence} ({self.content_hash})"

    def as_line(self) -> bytes:
        """One line of JSON, with the names of `GET /api/v1/head`."""
        return orjson.dumps(self.as_dict()) + b"\n"

    def as_dict(self) -> dict[str, Any]:
        """The members that `read_head` understands."""
        return {
            "max_sequence": self.sequence,
            "content_hash": self.content_hash,
            "authority_timestamp": self.authority_timestamp,
        }


def read_heads(text: bytes, name: str) -> Iterator[tuple[str, SeenHead]]:
    """Parses saved heads with their places: the file is one answer, an array of answers, or one a
    line. `name` is the file's, for the places.

    Raises:
        SavedHeadError: something in it is no head.
    """
    try:
        whole = orjson.loads(text)
    except orjson.JSONDecodeError:
        yield from _read_lines(text, name)
        return
    many = whole if isinstance(whole, list) else [whole]
    for number, answer in enumerate(many, 1):
        place = f"{name}[{number}]" if isinstance(whole, list) else name
        yield place, read_head(answer, place)


def read_head(answer: Any, place: str) -> SeenHead:
    """Parses a head from JSON; other members are ignored.

    Raises:
        SavedHeadError: it is none.
    """
    if not isinstance(answer, dict):
        raise SavedHeadError(f"{place}: a head is a JSON object with max_sequence and content_hash")
    sequence, content_hash = answer.get("max_sequence"), answer.get("content_hash")
    moment = answer.get("authority_timestamp")
    if type(sequence) is not int or not 0 <= sequence <= MAX_SEQUENCE:
        raise SavedHeadError(f"{place}: max_sequence is not a sequence number")
    if not isinstance(content_hash, str) or not _HASH.fullmatch(content_hash):
        raise SavedHeadError(f"{place}: content_hash is not 64 hex digits")
    if moment is not None and not (isinstance(moment, str) and moment.isprintable()):
        raise SavedHeadError(f"{place}: authority_timestamp is not a time")
    return SeenHead(sequence, content_hash, moment)


def _read_lines(text: bytes, name: str) -> Iterator[tuple[str, SeenHead]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        try:
            answer = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise SavedHeadError(f"{place}: not JSON") from None
        yield place, read_head(answer, place)


STANDARD_INPUT = "-"


def read_files(names: Iterable[str]) -> list[tuple[str, SeenHead]]:
    """Reads every head of these files, each with its place; `-` is standard input.

    Raises:
        SavedHeadError: a file cannot be read, or holds something that is no head.
    """
    return [placed for name in names for placed in read_heads(_text(name), name)]


def _text(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()
    except OSError as error:
        raise SavedHeadError(f"cannot read {name}: {error.strerror}") from error
