"""The embedded server under a running portal, started again when it dies.

It must never stop one, nor take one that another process has started again for one that never died.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from auditportal.embedded import EmbeddedPostgres, EmbeddedPostgresError, sharing
from auditportal.kept_child import PortalFailed, Tell
from auditportal.restarts import Restarts


@dataclass
class KeptDatabase:
    """Whoever needs the database may start it first: its next pid tells that it died."""

    server: EmbeddedPostgres
    restarts: Restarts
    tell: Tell
    pid: int | None = None

    def look_after(self) -> None:
        """Notice that it died, and start it when that is due.

        Raises:
            PortalFailed: it died, or did not start, too often in a row.
        """
        found, now = self.server.pid, time.monotonic()
        if found is not None and found == self.pid:
            return
        if self.pid is not None:
            self._died(now, f"pid {self.pid} is gone", pid=self.pid)
            self.pid = None
        if found is not None:
            self._runs(found, by="another process")
        elif self.restarts.is_due(now):
            self._start()

    def begin(self) -> None:
        """It runs already: this is the one to look after."""
        self.pid = self.server.pid
        self.restarts.started(time.monotonic())

    def _start(self) -> None:
        try:
            sharing.revive(self.server)
        except EmbeddedPostgresError as error:
            self._died(time.monotonic(), str(error))
        else:
            self._runs(self.server.pid, by="portal")

    def _runs(self, pid: int | None, by: str) -> None:
        self.pid = pid
        self.restarts.started(time.monotonic())
        self.tell("postgres_restarted", "PostgreSQL runs again", pid=pid, by=by)

    def _died(self, now: float, reason: str, pid: int | None = None) -> None:
        failed_start = self.restarts.is_down
        self.restarts.died(now)
        said = {"reason": reason, "in_a_row": self.restarts.in_a_row}
        if self.restarts.is_given_up:
            text = f"PostgreSQL died or did not start {said['in_a_row']} times in a row: {reason}"
            self.tell("postgres_given_up", text, **said)
            raise PortalFailed(text)
        if failed_start:
            text = f"PostgreSQL does not come back, trying again: {reason}"
            self.tell("postgres_not_restarted", text, **said)
        else:
            self.tell("postgres_died", "PostgreSQL has died; starting it again", **said)
