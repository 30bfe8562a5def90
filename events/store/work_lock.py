"""Who works at something of the portal now, known to the database itself.

It must never outlive the session that took it, nor stand in the way of an append.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from events.store.connection import LedgerUnavailableError, fetch_all, fetch_one

VERIFICATION, WATCH, ALERT, IMPORT = 0x7665_7269, 0x7761_7463, 0x616C_6572, 0x696D_706F
"""The lock's first half; the second is the number of the verification, of the alert or of the
import, 0 for the watch, of which there is one."""

VERIFICATION_RANGE = 0x7665_7272
"""The same for one range of a verification that workers share."""


def take_turn(using: str, kind: int) -> None:
    """Wait for one's turn, and have it until the transaction ends."""
    fetch_one(using, "take_turn", {"kind": kind})


def worked_at(using: str, kind: int, numbers: set[int]) -> set[int]:
    """Those of the numbers at which some session works now, by what the database says of locks."""
    held = {number for (number,) in fetch_all(using, "held_work_locks", {"kind": kind})}
    return {number for number in numbers if number % 2**31 in held}


@contextmanager
def working_at(using: str, kind: int, number: int) -> Iterator[bool]:
    """Hold the lock of one piece of work; False when another session holds it."""
    key = {"kind": kind, "number": number % 2**31}
    (alone,) = fetch_one(using, "try_work_lock", key)
    try:
        yield bool(alone)
    finally:
        if alone:
            with suppress(LedgerUnavailableError):  # a lost session holds nothing
                fetch_one(using, "release_work_lock", key)
