"""Halting the ledger (CT-11), for whoever found a reason. It must never clear a halt."""

from __future__ import annotations

from events.store.halting import halt_ledger
from events.writer import AtomicEventWriter


def halt(writer: AtomicEventWriter, *, reason: str, by: str) -> bool:
    """Stop every append; False when the ledger was halted already."""
    return halt_ledger(writer.using, f"{reason} ({by})")
