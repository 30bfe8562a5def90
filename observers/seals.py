"""Seals rows beside the chain that the portal writes and relies on: a secret that is not in the
database tells its own from those that the database's roles could write too."""

from __future__ import annotations

import hmac
from typing import Any

import orjson
from django.utils.crypto import salted_hmac


def seal(kind: str, figures: list[Any]) -> str:
    """64 hex digits over JSON values, for one kind of row."""
    text = orjson.dumps(figures, option=orjson.OPT_SORT_KEYS).decode()
    return salted_hmac(f"audit-portal {kind}", text, algorithm="sha256").hexdigest()


def holds(found: str | None, expected: str) -> bool:
    """Whether a row has the seal that it should have."""
    return found is not None and hmac.compare_digest(found.encode(), expected.encode())
