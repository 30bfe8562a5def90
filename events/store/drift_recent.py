"""How many drift warnings came lately. It must never count without an end."""

from __future__ import annotations

from events.store.connection import fetch_one

MOST = 100_000
"""Where counting stops: it takes milliseconds to here, and the reader knows enough."""


def recent_warnings(using: str) -> tuple[int, int]:
    """Warnings of the last hour and of the last day, `MOST` at most."""
    hour, day = fetch_one(using, "drift_recent", {"most": MOST})
    return int(hour), int(day)
