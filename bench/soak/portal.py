"""The portal under test, in its own folder: start, processes, commands, end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auditportal.embedded import EmbeddedPostgres
from auditportal.env import BASE_DIR

START_SECONDS = 120.0
KEPT = ("PATH", "HOME", "LANG")


class CouldNotRun(Exception):
    """The soak could not be run; this says nothing about the portal."""


class Portal:
    """One `manage.py portal` in a fresh home."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, _free_port()
        self.output = home.parent / "output"
        self.server = EmbeddedPostgres(home)
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*_manage(), "portal"], stdout=output, stderr=output, cwd="/",
                env=self._environment(), start_new_session=True,
            )  # fmt: skip

    @property
    def log(self) -> Path:
        return self.home / "logs" / "portal.log"

    def await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while "The portal is at" not in self.output.read_text(errors="replace"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise CouldNotRun(f"the portal did not start: {self.last_words()}")
            time.sleep(0.1)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a management command and wait for its end."""
        return subprocess.run(
            [*_manage(), *arguments], capture_output=True, text=True, cwd="/", timeout=600,
            env=self._environment(), check=False,
        )  # fmt: skip

    def told(self, *arguments: str) -> str:
        """The output of a command that must succeed."""
        done = self.manage(*arguments)
        if done.returncode:
            raise CouldNotRun(f"{arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def processes(self) -> dict[str, list[int]]:
        """The pids by role, oldest first."""
        below = {child: _words(child) for child in children(self.process.pid)}
        serving = [pid for pid, words in below.items() if b"serve" in words]
        web = [pid for main in serving for pid in children(main)]
        postmaster = self.server.pid
        return {
            "portal": [self.process.pid],
            "web server": serving,
            "web process": web,
            "signing helper": [helper for pid in web for helper in children(pid)],
            "worker": [pid for pid, words in below.items() if b"worker" in words],
            "PostgreSQL": [postmaster, *children(postmaster)] if postmaster else [],
        }

    def last_words(self) -> str:
        return self.output.read_text(errors="replace")[-1000:]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(90)
        except subprocess.TimeoutExpired:
            return -1

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return kept | {
            "PORTAL_HOME": str(self.home), "PORT": str(self.port), "PORTAL_SAMPLE": "0",
            "PYTHONUNBUFFERED": "1",
        }  # fmt: skip


@contextmanager
def running() -> Iterator[Portal]:
    """Start a portal in a temporary folder that the database's account can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="auditportal-soak-"))
    folder.chmod(0o711)
    portal = Portal(folder / "home")
    try:
        portal.await_ready()
        yield portal
    finally:
        if portal.process.poll() is None:
            portal.process.kill()
            portal.process.wait()
        if portal.home.is_dir():
            portal.server.remove()
        shutil.rmtree(folder, ignore_errors=True)


def children(pid: int) -> list[int]:
    """Children of all threads of a process, oldest first."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found |= {int(child) for child in task.read_text().split()}
        except OSError:
            continue
    return sorted(found, key=_started)


def _started(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return 2**62


def _words(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _manage() -> list[str]:
    return [sys.executable, str(BASE_DIR / "manage.py")]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
