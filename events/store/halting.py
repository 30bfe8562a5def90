"""Halting the ledger (CT-11). It must never clear a halt."""

from __future__ import annotations

from events.store.connection import fetch_one


def halt_ledger(using: str, reason: str) -> bool:
    """Stop every append, under the append lock; False when the ledger was halted already."""
    return fetch_one(using, "halt_ledger", {"reason": reason})[0] is not None
