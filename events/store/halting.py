"""Stopping the ledger, and what could not be written when that happened (CT-11).

It must never clear a halt: a ceremony does, in the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from events.store.connection import fetch_all, fetch_one

LOCK_MILLISECONDS = 400
"""How long the event of a halt waits for the append lock, which appends hold for milliseconds."""


@dataclass(frozen=True, slots=True)
class UnwrittenRecord:
    """A system event that is still to be written, under this id."""

    event_id: str
    event_type: str
    payload: str
    recorded_at: datetime


def halt_ledger(
    using: str,
    *,
    reason: str,
    by: str | None,
    witnessed_by: str | None = None,
    unwitnessed_because: str | None = None,
) -> bool:
    """Stop every append; False when the ledger was halted already.

    `witnessed_by` is the event of this transaction that says so; without one, the database keeps
    the record, to be written when the halt is cleared.
    """
    values = {
        "reason": reason,
        "by": by,
        "event_id": witnessed_by,
        "because": unwitnessed_because,
    }
    return fetch_one(using, "halt_ledger", values)[0] is not None


def unwritten_records(using: str) -> list[UnwrittenRecord]:
    """What is to be written before a halt is cleared, oldest first."""
    return [UnwrittenRecord(*row) for row in fetch_all(using, "unwritten_records")]
