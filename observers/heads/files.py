"""Files of saved heads, as commands are given them. It must never pass over one it cannot read."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from observers.heads.seen import SavedHeadError, SeenHead, read_heads

STANDARD_INPUT = "-"


def read_files(names: Iterable[str]) -> list[tuple[str, SeenHead]]:
    """Every head in these files, each with its place; `-` is standard input.

    Raises:
        SavedHeadError: a file cannot be read, or holds something that is no head.
    """
    return [placed for name in names for placed in read_heads(_text(name), name)]


def _text(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()
    except OSError as error:
        raise SavedHeadError(f"cannot read {name}: {error.strerror}") from error
