"""Child processes and the embedded database under a running portal, restarted when they die.

Children do not outlive their parent: on Linux the kernel kills them even after kill -9 of the
parent. `Restarts` only counts deaths and decides when to restart and when to give up.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from auditportal.embedded import EmbeddedPostgres, EmbeddedPostgresError, sharing

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies (Linux only; elsewhere the children of
    a parent killed with -9 remain)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before prctl
        os.kill(os.getpid(), signal.SIGKILL)


def start(argv: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a child in its own session: Ctrl-C reaches only the parent, which stops its children in
    order."""
    return subprocess.Popen(
        argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=partial(die_with_parent, os.getpid()),
    )


def stop(child: subprocess.Popen[bytes], patience: float) -> None:
    """Terminate the child, and kill it after `patience` seconds."""
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(patience)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


STEADY_SECONDS = 20.0
"""A process that ran at least this long is not in a restart loop."""


@dataclass
class Restarts:
    """Counts the consecutive deaths of one process. `now` is monotonic, in seconds."""

    pauses: tuple[float, ...]
    """Seconds before the restart after the first death, the second, …; the last repeats."""
    most: int | None = None
    """Deaths in a row after which it is given up; None: never."""
    in_a_row: int = 0
    _since: float = 0.0
    _due: float | None = None

    @property
    def is_down(self) -> bool:
        """True between a death and the next start."""
        return self._due is not None

    @property
    def is_given_up(self) -> bool:
        return self.most is not None and self.in_a_row > self.most

    def started(self, now: float) -> None:
        """Record a start."""
        self._since, self._due = now, None

    def died(self, now: float) -> None:
        """Record an end, or a failed start."""
        steady = not self.is_down and now - self._since >= STEADY_SECONDS
        self.in_a_row = 1 if steady else self.in_a_row + 1
        self._due = now + self.pauses[min(self.in_a_row, len(self.pauses)) - 1]

    def is_due(self, now: float) -> bool:
        """True if it is down and the pause is over."""
        return self._due is not None and now >= self._due


Report = Callable[..., Any]
"""Called with the name of an event, a sentence for the operator, and the event's fields."""


class PortalFailed(Exception):
    """A part of the portal does not run, and restarting does not help."""


@dataclass
class SupervisedProcess:
    """One child; `name` is used in log events, `title` in messages."""

    name: str
    title: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    restarts: Restarts
    report: Report
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        self.process = start(self.argv, self.environment)
        self.restarts.started(time.monotonic())
        return self.process

    def check(self) -> None:
        """Notice an end, and restart when due.

        Raises:
            PortalFailed: it ended too often in a row.
        """
        if self.process is None or self.process.poll() is None:
            return
        code, now = self.process.returncode, time.monotonic()
        if not self.restarts.is_down:
            self.restarts.died(now)
            self._report_end(code)
        if self.restarts.is_due(now):
            pid = self.start().pid
            self.report(f"{self.name}_restarted", f"{self.title} runs again", pid=pid)

    def _report_end(self, code: int) -> None:
        in_a_row = self.restarts.in_a_row
        if self.restarts.is_given_up:
            text = f"{self.title} ended {in_a_row} times in a row, the last time with code {code}"
            self.report(f"{self.name}_given_up", text, code=code, in_a_row=in_a_row)
            raise PortalFailed(text)
        text = f"{self.title} ended with code {code}; starting it again"
        self.report(f"{self.name}_died", text, code=code, in_a_row=in_a_row)


@dataclass
class SupervisedDatabase:
    """The embedded server. Another process may restart it first: a changed pid reveals a death."""

    server: EmbeddedPostgres
    restarts: Restarts
    report: Report
    pid: int | None = None

    def check(self) -> None:
        """Notice a death, and restart when due.

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
        """Supervise the server that is running now."""
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
        self.report("postgres_restarted", "PostgreSQL runs again", pid=pid, by=by)

    def _died(self, now: float, reason: str, pid: int | None = None) -> None:
        failed_start = self.restarts.is_down
        self.restarts.died(now)
        said = {"reason": reason, "in_a_row": self.restarts.in_a_row}
        if self.restarts.is_given_up:
            text = f"PostgreSQL died or did not start {said['in_a_row']} times in a row: {reason}"
            self.report("postgres_given_up", text, **said)
            raise PortalFailed(text)
        if failed_start:
            text = f"PostgreSQL does not start, trying again: {reason}"
            self.report("postgres_not_restarted", text, **said)
        else:
            self.report("postgres_died", "PostgreSQL has died; starting it again", **said)
