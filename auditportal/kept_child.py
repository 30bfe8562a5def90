"""A child process that is started again when it ends. It must never be started twice at a time, nor
without pause when it cannot live."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditportal import children
from auditportal.restarts import Restarts

Tell = Callable[..., Any]
"""Called with the name of an event, a sentence for the operator, and the event's fields."""


class PortalFailed(Exception):
    """What the portal is made of does not run, and starting it again does not help."""


@dataclass
class KeptChild:
    """One child; `name` is what the log calls it, `title` what people do."""

    name: str
    title: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    restarts: Restarts
    tell: Tell
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        self.process = children.start(self.argv, self.environment)
        self.restarts.started(time.monotonic())
        return self.process

    def look_after(self) -> None:
        """Notice that it ended, and start it when that is due.

        Raises:
            PortalFailed: it ended too often in a row.
        """
        if self.process is None or self.process.poll() is None:
            return
        code, now = self.process.returncode, time.monotonic()
        if not self.restarts.is_down:
            self.restarts.died(now)
            self._tell_of_end(code)
        if self.restarts.is_due(now):
            pid = self.start().pid
            self.tell(f"{self.name}_restarted", f"{self.title} runs again", pid=pid)

    def _tell_of_end(self, code: int) -> None:
        in_a_row = self.restarts.in_a_row
        if self.restarts.is_given_up:
            text = f"{self.title} ended {in_a_row} times in a row, the last time with code {code}"
            self.tell(f"{self.name}_given_up", text, code=code, in_a_row=in_a_row)
            raise PortalFailed(text)
        text = f"{self.title} ended with code {code}; starting it again"
        self.tell(f"{self.name}_died", text, code=code, in_a_row=in_a_row)
