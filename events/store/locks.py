"""Who holds the ledger's lock, and for how long: tells a lock that moves from hand to hand, as
under load, from one that somebody does not give back.

A transaction is known by its virtual number, which all roles may see. PostgreSQL tells the
application when a transaction began only of its own role and of prepared ones; for others this
process goes by when it first saw them.

Who works at something of the portal now, known to the database itself.

It must never outlive the session that took it, nor stand in the way of an append.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import structlog

from events.errors import LedgerHeldError
from events.store.connection import LedgerUnavailableError, fetch_all, fetch_one

VERIFICATION, WATCH, ALERT, IMPORT = 0x7665_7269, 0x7761_7463, 0x616C_6572, 0x696D_706F
"""The lock's first half; the second is the number of the verification, of the alert or of the
import, 0 for the watch, of which there is one."""

VERIFICATION_RANGE = 0x7665_7272
"""The same for one range of a verification that workers share."""


def lock(using: str, kind: int) -> None:
    """Wait for one's turn, and have it until the transaction ends."""
    fetch_one(using, "take_turn", {"kind": kind})


def locked(using: str, kind: int, numbers: set[int]) -> set[int]:
    """Those of the numbers at which some session works now, by what the database says of locks."""
    held = {number for (number,) in fetch_all(using, "held_work_locks", {"kind": kind})}
    return {number for number in numbers if number % 2**31 in held}


@contextmanager
def try_lock(using: str, kind: int, number: int) -> Iterator[bool]:
    """Hold the lock of one piece of work; False when another session holds it."""
    key = {"kind": kind, "number": number % 2**31}
    (alone,) = fetch_one(using, "try_work_lock", key)
    try:
        yield bool(alone)
    finally:
        if alone:
            with suppress(LedgerUnavailableError):  # a lost session holds nothing
                fetch_one(using, "release_work_lock", key)


FIRST_PATIENCE_MS = 1000
"""How long a writer waits for the lock before it looks who has it."""

MOST_PATIENCE_MS = 4000
"""A writer that finds the lock moving asks again, and keeps its place in the queue longer."""

SILENT_SECONDS = 0.9
"""A transaction that does nothing and was seen holding the lock for so long is not waited for."""

HELD_SECONDS = 10.0
"""Whoever has held the lock for so long is waited for no longer, and the portal is not ready."""

RETRY_SECONDS = 5

Row = tuple[str, int | None, str | None, str | None, float | None, bool, bool]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Holder:
    """A transaction that keeps appends waiting. `gid` names a prepared one, which has no process.
    `seconds`: how long it is known to hold the lock, or how old it is, whichever is more."""

    pid: int | None
    gid: str | None
    role: str | None
    seconds: float
    seen_seconds: float
    is_working: bool
    blocks_readers: bool

    def __str__(self) -> str:
        who = f"process {self.pid}" if self.gid is None else f"prepared transaction {self.gid!r}"
        return f"{who} of role {self.role} for {self.seconds:.0f} s"

    def as_dict(self) -> dict[str, Any]:
        """As it stands in the answer of /readyz."""
        return {"pid": self.pid, "gid": self.gid, "seconds": round(self.seconds, 1)}

    @property
    def is_long(self) -> bool:
        """Whether events cannot be said to be taken while it holds the lock."""
        return self.seconds >= HELD_SECONDS

    @property
    def is_stuck(self) -> bool:
        """Whether a writer had better not wait for it."""
        silent = not self.is_working and self.seen_seconds >= SILENT_SECONDS
        return silent or self.seen_seconds >= HELD_SECONDS


class Holders:
    """Shared by the threads of a process: which holders were seen, and since when."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._first_seen: dict[str, float] = {}
        self._told: set[str] = set()

    def look(self, using: str) -> Holder | None:
        """Who has held the ledger's lock longest, or None when it is free.

        Logs a holder once when it has held the lock for long.
        """
        rows, now = fetch_all(using, "lock_holders"), time.monotonic()
        with self._mutex:
            self._first_seen = {row[0]: self._first_seen.get(row[0], now) for row in rows}
            self._told &= self._first_seen.keys()
            holders = {row[0]: self._holder(row, now) for row in rows}
            untold = {t for t, h in holders.items() if h.is_long or h.is_stuck} - self._told
            self._told |= untold
        for transaction in untold:
            holder = holders[transaction]
            log.error(
                "ledger_lock_held",
                pid=holder.pid,
                gid=holder.gid,
                role=holder.role,
                seconds=round(holder.seconds, 1),
            )
        return max(holders.values(), key=lambda holder: holder.seconds, default=None)

    def _holder(self, row: Row, now: float) -> Holder:
        transaction, pid, gid, role, age, is_working, blocks_readers = row
        seen = now - self._first_seen[transaction]
        if gid is not None and age is not None:
            seen = max(seen, age)
        return Holder(pid, gid, role, max(seen, age or 0.0), seen, is_working, blocks_readers)


holders = Holders()


class Patience:
    """One writer's wait for the lock, in tries."""

    def __init__(self) -> None:
        self.milliseconds = FIRST_PATIENCE_MS
        self._looks = 0

    def again(self, using: str) -> None:
        """The lock did not come in time: wait again if it moves.

        Raises:
            LedgerHeldError: somebody does not give it back; nothing was written.
        """
        holder = holders.look(using)
        if holder is not None and holder.is_stuck:
            raise LedgerHeldError(f"the ledger's lock is held by {holder}", RETRY_SECONDS)
        self._looks += 1
        if self._looks > 1:  # a silent holder is known by two looks, the first time apart
            self.milliseconds = min(2 * self.milliseconds, MOST_PATIENCE_MS)
