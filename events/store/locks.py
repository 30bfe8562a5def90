"""Locks in the database: advisory locks for work items, and the holders of the ledger's append
lock.

Holders are inspected to tell a lock that changes hands, as under load, from one that a session does
not release. A transaction is identified by its virtual transaction id, which all roles may see.
PostgreSQL shows the application start and state only of its own role's transactions, and the start
of prepared ones; others are timed from when this process first saw them.
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

log = structlog.get_logger(__name__)

VERIFICATION, WATCH, ALERT, IMPORT = 0x7665_7269, 0x7761_7463, 0x616C_6572, 0x696D_706F
"""Class ids of the advisory locks. The object id is the number of the verification, alert or
import, and 0 for the watch."""

VERIFICATION_RANGE = 0x7665_7272
"""Class id for one range of a verification that workers share."""


def lock(using: str, kind: int) -> None:
    """Take an advisory lock until the transaction ends; blocks."""
    fetch_one(using, "locks.lock", {"kind": kind})


def locked(using: str, kind: int, numbers: set[int]) -> set[int]:
    """The numbers whose lock some session holds now."""
    held = {number for (number,) in fetch_all(using, "locks.held", {"kind": kind})}
    return {number for number in numbers if number % 2**31 in held}


@contextmanager
def try_lock(using: str, kind: int, number: int) -> Iterator[bool]:
    """Hold the session's advisory lock of one work item; False when another session holds it. A
    lost session releases its locks."""
    key = {"kind": kind, "number": number % 2**31}
    (alone,) = fetch_one(using, "locks.try_lock", key)
    try:
        yield bool(alone)
    finally:
        if alone:
            with suppress(LedgerUnavailableError):  # a lost session holds nothing
                fetch_one(using, "locks.unlock", key)


FIRST_PATIENCE_MS = 1000
"""First lock timeout of a writer, after which it looks for the holder."""

MOST_PATIENCE_MS = 4000
"""Longest lock timeout. It grows while the lock changes hands, so that a writer keeps its place in
the queue."""

SILENT_SECONDS = 0.9
"""A holder that has been idle in its transaction this long is not waited for."""

HELD_SECONDS = 10.0
"""A lock held this long is no longer waited for, and the portal reports not ready."""

RETRY_SECONDS = 5

Row = tuple[str, int | None, str | None, str | None, float | None, float | None, bool]


@dataclass(frozen=True, slots=True)
class Holder:
    """A transaction that blocks appends. `gid` names a prepared one, which has no process.
    `seconds`: how long it is known to hold the lock, or its age, whichever is more.
    `idle_seconds`: how long it has waited for its client, 0 while it works; where PostgreSQL does
    not show that, how long it is known to hold the lock."""

    pid: int | None
    gid: str | None
    role: str | None
    seconds: float
    seen_seconds: float
    idle_seconds: float
    blocks_readers: bool

    def __str__(self) -> str:
        who = f"process {self.pid}" if self.gid is None else f"prepared transaction {self.gid!r}"
        return f"{who} of role {self.role} for {self.seconds:.0f} s"

    def as_dict(self) -> dict[str, Any]:
        """Its form in the response of /readyz."""
        return {"pid": self.pid, "gid": self.gid, "seconds": round(self.seconds, 1)}

    @property
    def is_long(self) -> bool:
        """True if it has held the lock so long that the portal is not ready."""
        return self.seconds >= HELD_SECONDS

    @property
    def is_stuck(self) -> bool:
        """True if a writer should give up waiting for it."""
        return self.idle_seconds >= SILENT_SECONDS or self.seen_seconds >= HELD_SECONDS


class Holders:
    """The observed holders and when each was first seen, shared by the threads of a process."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._first_seen: dict[str, float] = {}
        self._told: set[str] = set()

    def look(self, using: str) -> Holder | None:
        """The longest holder of the ledger's lock, or None when it is free.

        Logs each long holder once.
        """
        rows, now = fetch_all(using, "locks.lock_holders"), time.monotonic()
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
        transaction, pid, gid, role, age, idle, blocks_readers = row
        seen = now - self._first_seen[transaction]
        if gid is not None and age is not None:
            seen = max(seen, age)
        idle = seen if idle is None else idle
        return Holder(pid, gid, role, max(seen, age or 0.0), seen, idle, blocks_readers)


holders = Holders()


class Patience:
    """One writer's retries for the lock, with growing timeouts."""

    def __init__(self) -> None:
        self.milliseconds = FIRST_PATIENCE_MS
        self._looks = 0

    def again(self, using: str) -> None:
        """Handle a lock timeout: return to wait again if the lock changes hands.

        Raises:
            LedgerHeldError: a session does not release it; nothing was written.
        """
        holder = holders.look(using)
        if holder is not None and holder.is_stuck:
            raise LedgerHeldError(f"the ledger's lock is held by {holder}", RETRY_SECONDS)
        self._looks += 1
        if self._looks > 1:  # it takes two looks to recognise a silent holder
            self.milliseconds = min(2 * self.milliseconds, MOST_PATIENCE_MS)
