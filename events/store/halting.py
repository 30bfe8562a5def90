"""Stopping the ledger, and what could not be written when that happened (CT-11).

It must never clear a halt: a ceremony does, in the database.
"""

from __future__ import annotations

from typing import Any

from events import canonical
from events.store.connection import fetch_one

LOCK_MILLISECONDS = 400
"""How long the event of a halt waits for the append lock, which appends hold for milliseconds."""


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


def unwritten_records(using: str) -> list[dict[str, Any]]:
    """What is written when the present halt is cleared, oldest first: `event_id`, `event_type`,
    `local_timestamp` and `payload` of each, as the proposal to clear the halt holds them."""
    text = fetch_one(using, "unwritten_records")[0]
    records: list[dict[str, Any]] = canonical.parse(text, stored=True).value
    return records
