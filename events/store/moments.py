"""Where in the sequence a moment of the authority's clock lies.

It must never be used to leave events out: the clock may have run backwards, the sequence alone
decides the order.
"""

from __future__ import annotations

from datetime import datetime

from events.store.connection import fetch_one


def sequence_at(using: str, moment: datetime, last_sequence: int) -> int | None:
    """The sequence at which the authority's clock came to `moment`; None when it has not yet.

    Halving needs some twenty-five look-ups by sequence, however long the ledger is. Where the
    clock ran backwards it passed `moment` more than once, and this is one of those places.
    """
    low, high = 1, last_sequence
    found = None
    while low <= high:
        middle = (low + high) // 2
        row = fetch_one(using, "event_from", {"sequence": middle, "end": high, "moment": moment})
        if row is None:
            high = middle - 1
        elif row[1]:
            found, high = row[0], middle - 1
        else:
            low = row[0] + 1
    return found
