"""Seals rows beside the chain that the portal writes and relies on. The secret is kept outside the
database, so that rows forged by a database role are recognised."""

from __future__ import annotations

import hmac
from typing import Any

import orjson
from django.utils.crypto import salted_hmac


def seal(kind: str, figures: list[Any]) -> str:
    """Returns 64 hex digits over JSON values, for one kind of row."""
    text = orjson.dumps(figures, option=orjson.OPT_SORT_KEYS).decode()
    return salted_hmac(f"audit-portal {kind}", text, algorithm="sha256").hexdigest()


def holds(found: str | None, expected: str) -> bool:
    """Tells whether a row has its correct seal."""
    return found is not None and hmac.compare_digest(found.encode(), expected.encode())
