"""Runs the portal: web server, worker and sample as children, and the embedded database.

It outlives its children, and notices every end.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
from django.conf import settings

from auditportal import child_processes
from auditportal.child_processes import (
    PortalFailed,
    Restarts,
    SupervisedDatabase,
    SupervisedProcess,
)
from auditportal.embedded import EmbeddedPostgres, sharing
from auditportal.log_config import keep_bounded, keep_in_file, open_log

POLL_SECONDS = 1.0
WEB_START_SECONDS = 60.0
STOP_PATIENCE_SECONDS = 20.0

PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
MOST_DEATHS = 8
"""Consecutive deaths of the web server or the embedded database after which the portal ends."""

WORKER_PAUSES = (0.0, 1.0, 5.0)
"""A worker is restarted without limit: it loses nothing, and a remote database may be unavailable
for long."""

log = structlog.get_logger(__name__)


@dataclass
class Supervisor:
    """One running portal. `say` prints a message for the operator."""

    port: int
    workers: int
    sample: bool
    say: Callable[[str], None]
    _stopping: threading.Event = field(default_factory=threading.Event)
    _web: SupervisedProcess = field(init=False)
    _worker: SupervisedProcess = field(init=False)
    _database: SupervisedDatabase | None = None
    _sample: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        serve = _command("serve", f"--port={self.port}", f"--workers={self.workers}")
        self._web = self._kept("web", "the web server", serve, Restarts(PAUSES, MOST_DEATHS))
        self._worker = self._kept(
            "worker", "the worker", _command("worker"), Restarts(WORKER_PAUSES)
        )
        if settings.PORTAL_EMBEDDED:
            self._database = SupervisedDatabase(
                EmbeddedPostgres(settings.PORTAL_HOME), Restarts(PAUSES, MOST_DEATHS), self._report
            )

    def run(self, ready: Callable[[], None]) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP (terminal closed); `ready` is called once requests
        are answered.

        Raises:
            PortalFailed: the web server does not start, or something died too often.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        open_log(log_file()).close()
        keep_in_file(__name__, log_file())
        try:
            if self._database:
                self._database.begin()
            if self._await_web(self._web.start()):
                ready()
                self._worker.start()
                self._sample = self._start_sample()
            while not self._stopping.wait(POLL_SECONDS):
                self._check_children()
        finally:
            self._end()

    def _kept(
        self, name: str, title: str, argv: list[str], restarts: Restarts
    ) -> SupervisedProcess:
        return SupervisedProcess(name, title, argv, _environment(), restarts, self._report)

    def _report(self, event: str, text: str, **fields: Any) -> None:
        """Print a sentence to the terminal, and log an event."""
        self.say(text)
        log.warning(event, **fields)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()

    def _start_sample(self) -> subprocess.Popen[bytes] | None:
        return (
            child_processes.start(_command("play_sample"), _environment()) if self.sample else None
        )

    def _await_web(self, web: subprocess.Popen[bytes]) -> bool:
        """Wait until the server accepts connections; False if stopped before."""
        address = (connectable(settings.PORTAL_BIND), self.port)
        for _ in range(int(WEB_START_SECONDS / 0.05)):
            if web.poll() is not None:
                raise PortalFailed(f"the web server ended with code {web.returncode}")
            try:
                socket.create_connection(address, timeout=1).close()
                return True
            except OSError:
                if self._stopping.wait(0.05):
                    return False
        raise PortalFailed(f"the web server does not answer after {WEB_START_SECONDS:.0f} s")

    def _check_children(self) -> None:
        """One turn of the loop: database, web server, worker, sample, log sizes."""
        if self._database:
            self._database.check()
        self._web.check()
        self._worker.check()
        if self._sample and self._sample.poll():
            self.say(f"the sample ended with code {self._sample.returncode}; the portal continues")
            self._sample = None
        for path in (log_file(), settings.PORTAL_HOME / "logs" / "postgres.log"):
            keep_bounded(path)

    def _end(self) -> None:
        """Stop all children; the sample first, since it writes through the web server."""
        for child in (self._sample, self._worker.process, self._web.process):
            if child:
                child_processes.stop(child, STOP_PATIENCE_SECONDS)
        if settings.PORTAL_EMBEDDED:
            sharing.leave(EmbeddedPostgres(settings.PORTAL_HOME))


def log_file() -> Path:
    """The path of the web server's JSON log."""
    return settings.PORTAL_HOME / "logs" / "portal.log"


def connectable(address: str) -> str:
    """An address to reach a server that listens on `address`."""
    # These are replaced, not bound.
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104


def _command(name: str, *options: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), name, *options]


def _environment() -> dict[str, str]:
    return os.environ | {"PORTAL_LOG_FILE": str(log_file())}
