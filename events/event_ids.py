"""Event ids that the ledger makes itself. It must never be used to order anything (AC3)."""

from __future__ import annotations

import time

from events.randomness import random_piece


def new_event_id() -> str:
    """A version 7 UUID (RFC 9562 section 5.7): its leading time keeps the index's inserts close
    together. The time in it is no evidence; the two timestamps of the event are."""
    milliseconds = time.time_ns() // 1_000_000 & (1 << 48) - 1
    chance = random_piece().hex()
    variant = "89ab"[int(chance[15], 16) & 3]
    return (
        f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7{chance[:3]}"
        f"-{variant}{chance[3:6]}-{chance[16:28]}"
    )
