"""What was seen of the sequence, kept in the database so that it need not be counted again.

It must never be taken for evidence: every number that it holds is looked at again in rounds, and
the database does the looking itself.
"""

from __future__ import annotations

from datetime import datetime

from events.store.connection import fetch_one

ROUND_SECONDS = 30.0
"""How long a round over all old numbers takes, where `MOST_SECONDS` allows it."""

MOST_SECONDS = 0.1
"""The longest look of one call: with a call a second, a tenth of a core at the very most."""


def look_again(using: str) -> bool:
    """Look at what is new and at the part of the old that is due; whether more is due at once.

    Where somebody else is looking, that is enough.
    """
    limits = {"round_seconds": ROUND_SECONDS, "at_most_seconds": MOST_SECONDS}
    return bool(fetch_one(using, "remember_continuity", limits)[0])


def looked_since(using: str) -> datetime:
    """The moment since which every number that is remembered was looked at once more."""
    since: datetime = fetch_one(using, "looked_since")[0]
    return since
