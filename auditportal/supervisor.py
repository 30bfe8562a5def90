"""Runs the portal: web server, worker and sample as children, the embedded database beside them.

It must never end before its children, and never let one of them end unnoticed.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from django.conf import settings

from auditportal import children
from auditportal.bounded_log import keep_bounded, open_log
from auditportal.embedded import EmbeddedPostgres, EmbeddedPostgresError, sharing

POLL_SECONDS = 1.0
WEB_START_SECONDS = 60.0
STOP_PATIENCE_SECONDS = 20.0
WORKER_RESTART_SECONDS = 5.0


class WebServerFailed(Exception):
    """The web server did not come up, or ended by itself."""


@dataclass
class Supervisor:
    """One running portal. `say` tells the operator something."""

    port: int
    workers: int
    sample: bool
    say: Callable[[str], None]
    _stopping: threading.Event = field(default_factory=threading.Event)
    _web: subprocess.Popen[bytes] | None = None
    _worker: subprocess.Popen[bytes] | None = None
    _worker_started: float = 0.0
    _sample: subprocess.Popen[bytes] | None = None

    def run(self, ready: Callable[[], None]) -> None:
        """Serve until SIGINT, SIGTERM, or SIGHUP of a closed terminal; `ready` is called once
        requests are answered."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        try:
            self._web = self._start_web()
            if self._await_web(self._web):
                ready()
                self._start_worker()
                self._sample = self._start_sample()
            while not self._stopping.wait(POLL_SECONDS):
                self._look_after(self._web)
        finally:
            self._end()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()

    def _start_web(self) -> subprocess.Popen[bytes]:
        options = [f"--port={self.port}", f"--workers={self.workers}"]
        open_log(log_file()).close()
        return children.start(_command("serve", *options), _environment())

    def _start_worker(self) -> None:
        self._worker = children.start(_command("worker"), _environment())
        self._worker_started = time.monotonic()

    def _start_sample(self) -> subprocess.Popen[bytes] | None:
        return children.start(_command("play_sample"), _environment()) if self.sample else None

    def _await_web(self, web: subprocess.Popen[bytes]) -> bool:
        """Wait until the server takes connections; False when we are told to stop before."""
        address = (connectable(settings.PORTAL_BIND), self.port)
        for _ in range(int(WEB_START_SECONDS / 0.05)):
            if web.poll() is not None:
                raise WebServerFailed(f"the web server ended with code {web.returncode}")
            try:
                socket.create_connection(address, timeout=1).close()
                return True
            except OSError:
                if self._stopping.wait(0.05):
                    return False
        raise WebServerFailed(f"the web server does not answer after {WEB_START_SECONDS:.0f} s")

    def _look_after(self, web: subprocess.Popen[bytes]) -> None:
        """One turn of the watch: web server, database, worker, sample, the logs' size."""
        if web.poll() is not None:
            raise WebServerFailed(f"the web server ended with code {web.returncode}")
        if settings.PORTAL_EMBEDDED:
            self._revive_database()
        if self._worker and self._worker.poll() is not None:
            self._revive_worker(self._worker.returncode)
        if self._sample and self._sample.poll():
            self.say(f"the sample ended with code {self._sample.returncode}; the portal goes on")
            self._sample = None
        for log in (log_file(), settings.PORTAL_HOME / "logs" / "postgres.log"):
            keep_bounded(log)

    def _revive_database(self) -> None:
        server = EmbeddedPostgres(settings.PORTAL_HOME)
        if server.pid is not None:
            return
        self.say("PostgreSQL has died; starting it again")
        try:
            sharing.revive(server)
        except EmbeddedPostgresError as error:
            self.say(f"PostgreSQL does not come back, trying again: {error}")

    def _revive_worker(self, code: int) -> None:
        """A worker loses nothing by ending; one that cannot live is not started without pause."""
        if time.monotonic() - self._worker_started >= WORKER_RESTART_SECONDS:
            self.say(f"the worker ended with code {code}; starting it again")
            self._start_worker()

    def _end(self) -> None:
        """The sample writes through nobody once the server is gone, so it goes first."""
        for child in (self._sample, self._worker, self._web):
            if child:
                children.stop(child, STOP_PATIENCE_SECONDS)
        if settings.PORTAL_EMBEDDED:
            sharing.leave(EmbeddedPostgres(settings.PORTAL_HOME))


def log_file() -> Path:
    """Where the web server's JSON lines go."""
    return settings.PORTAL_HOME / "logs" / "portal.log"


def connectable(address: str) -> str:
    """The address to reach a server that listens on all of them."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104


def _command(name: str, *options: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), name, *options]


def _environment() -> dict[str, str]:
    return os.environ | {"PORTAL_LOG_FILE": str(log_file())}
