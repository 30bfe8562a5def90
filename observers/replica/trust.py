"""Tracks whether this process reads from the replica or has left it for the primary, and why.

After a failure, one caller at a time retries the replica, after a pause.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

import structlog

REST_SECONDS = 5.0
"""Seconds for which a replica that failed is not asked again."""

CHECK_SECONDS = 1.0
"""Seconds for which a measured lag is reused."""

log = structlog.get_logger(__name__)


class Why(Enum):
    """The reason for leaving the replica."""

    AWAY = "away"
    BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Left:
    """The replica was left for the primary."""

    why: Why
    reason: str
    since: datetime


class Trust:
    """The state shared by the threads of a process; each thread has its own connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Resets to the state of a new process."""
        self.left: Left | None = None
        self._try_at = 0.0
        self._look_at = 0.0

    @property
    def due(self) -> bool:
        """Tells whether a caller may retry the replica now."""
        return self.left is None or time.monotonic() >= self._try_at

    def claim(self) -> bool:
        """Returns True to exactly one of the callers who may retry the replica."""
        with self._lock:
            if not self.due:
                return False
            self._try_at = time.monotonic() + REST_SECONDS
            return True

    def claim_look(self) -> bool:
        """Returns True when the caller should measure the replica's lag."""
        with self._lock:
            if time.monotonic() < self._look_at:
                return False
            self._look_at = time.monotonic() + CHECK_SECONDS
            return True

    def leave(self, why: Why, reason: str) -> None:
        """Switches to the primary for a while; logged when that begins."""
        with self._lock:
            begins = self.left is None
            since = self.left.since if self.left else datetime.now(UTC)
            self.left = Left(why, reason, since)
            self._try_at = time.monotonic() + REST_SECONDS
        if begins:
            log.warning("replica_left", why=why.value, reason=reason)

    def come_back(self) -> None:
        """Switches back to the replica; logged when it had been left."""
        with self._lock:
            left, self.left = self.left, None
        if left:
            log.info("replica_back", left=left.since.isoformat(), why=left.why.value)


trust = Trust()
