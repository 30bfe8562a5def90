"""Kills the portal's processes in turn."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.soak.portal import Portal
from bench.soak.tally import Tally

POSTGRES = "PostgreSQL"
OTHERS = ("web process", "worker")


@dataclass
class Kill:
    """One kill; `moment` and `begun` (the start of the soak) are on the monotonic clock."""

    role: str
    moment: float
    begun: float
    acknowledged: int
    pid: int

    def first_created(self, tally: Tally) -> float | None:
        """Seconds until a request that was sent after the kill was answered 201."""
        answers = [answered for sent, answered in tally.created if sent > self.moment]
        return min(answers) - self.moment if answers else None


@dataclass
class Killer:
    """Kills by SIGKILL: PostgreSQL in the middle of each minute, another process at its end."""

    portal: Portal
    tally: Tally
    kills: list[Kill] = field(default_factory=list)

    def plan(self, minute: float, minutes: float) -> Iterator[tuple[float, str]]:
        """Seconds after the start, and the role to kill."""
        for number in range(max(1, int(minutes))):
            yield (number + 0.5) * minute, POSTGRES
            if number + 1 < minutes:
                yield (number + 1) * minute, OTHERS[number % 2]

    def kill(self, role: str, began: float) -> None:
        """Kill the youngest process of a role: the oldest then shows the effects of a long life."""
        found = self.portal.processes()[role]
        if not found:
            self.tally.fault(f"no {role} was there to be killed")
            return
        pid = found[0] if role == POSTGRES else found[-1]
        count, now = len(self.tally.so_far()), time.monotonic()
        os.kill(pid, signal.SIGKILL)
        self.kills.append(Kill(role, now, now - began, count, pid))
