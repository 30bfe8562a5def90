"""Event ids that the ledger makes itself. It must never be used to order anything (AC3)."""

from __future__ import annotations

import secrets
import time
import uuid


def new_event_id() -> str:
    """A version 7 UUID (RFC 9562 section 5.7): its leading time keeps the index's inserts close
    together. The time in it is no evidence; the two timestamps of the event are."""
    milliseconds = time.time_ns() // 1_000_000 & (1 << 48) - 1
    value = (
        milliseconds << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    )
    return str(uuid.UUID(int=value))
