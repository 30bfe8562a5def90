"""Arguments and output shared by the observers' commands."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from events.format.event import MAX_SEQUENCE
from events.management.base import add_json, refuse

SOUND = 0
FINDINGS = 1

EXIT_CODES = "Exit codes: 0 sound, 1 findings, 2 could not run."


def sequence(text: str) -> int:
    """Parses a sequence number: 1 or more."""
    try:
        number = int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a sequence number") from None
    if not 1 <= number <= MAX_SEQUENCE:
        raise ArgumentTypeError("a sequence number goes from 1 to 2^63-1")
    return number


def positive(text: str) -> int:
    """Parses a count: 1 or more."""
    try:
        number = int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a number") from None
    if number < 1:
        raise ArgumentTypeError("it takes at least 1")
    return number


def fingerprint(text: str) -> str:
    """Parses a SHA-256 in hex."""
    if not re.fullmatch("[0-9a-f]{64}", text.lower()):
        raise ArgumentTypeError("it takes 64 hex digits")
    return text.lower()


def add_range(parser: ArgumentParser) -> None:
    """Adds `--start`, `--end` and `--json`."""
    parser.add_argument("--start", type=sequence, default=1, metavar="N", help="first sequence")
    parser.add_argument(
        "--end", type=sequence, metavar="N", help="last sequence, included (default: the head)"
    )
    add_json(parser)


def require_order(start: int, end: int | None) -> None:
    """Refuses a range that ends before it starts."""
    if end is not None and end < start:
        refuse(f"the range ends at {end}, before it starts at {start}")


def dump(document: dict[str, Any]) -> str:
    """Formats the JSON that a command prints."""
    return json.dumps(document, ensure_ascii=False, indent=2, default=str)
