"""One embedded PostgreSQL in one home folder: start, stop, kill, and connection parameters.

It does not read Django's settings, so tests can use it alone. `sharing` decides who may stop a
server that several processes use.
"""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path
from typing import IO, Literal

import psycopg

from auditportal.embedded import cluster, postmaster
from auditportal.embedded.cluster import reachable_programs
from auditportal.embedded.errors import EmbeddedPostgresError
from auditportal.embedded.location import (
    Place,
    find_place,
    make_home,
    make_place,
    make_socket_folder,
    socket_folder,
)
from auditportal.embedded.locks import exclusive
from auditportal.log_config import open_log

Mode = Literal["fast", "immediate"]
SIGNALS: dict[Mode, signal.Signals] = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}

START_PATIENCE_SECONDS = 240.0
STOP_PATIENCE_SECONDS = 60.0
# A new postmaster refuses to start until the backends of a killed one have ended.
LEFTOVERS_PATIENCE_SECONDS = 20.0
LEFTOVERS = ("pre-existing shared memory", "lock file", "still in use")
# A server without free connections is running.
FULL = ("too many clients", "remaining connection slots")
# Unsafe only on a power cut: a killed server keeps every acknowledged commit.
WITHOUT_FSYNC = {"fsync": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """The server of one home folder. Any number of objects and processes may refer to the same
    one."""

    def __init__(self, home: Path, fsync: bool = True) -> None:
        """`fsync=False` is for tests only: a power cut may then destroy the cluster."""
        self.home = home.absolute()
        self.fsync = fsync
        self.log = self.home / "logs" / "postgres.log"

    @property
    def start_lock(self) -> Path:
        return self.home / "postgres.start.lock"

    @property
    def pid(self) -> int | None:
        """The postmaster's pid while it runs."""
        place = find_place(self.home)
        return postmaster.live_pid(place) if place else None

    def is_running(self) -> bool:
        """True if the server accepts connections."""
        return self.pid is not None and self._refusal() is None

    def dsn(self, role: str = cluster.SUPERUSER, dbname: str = cluster.DATABASE) -> dict[str, str]:
        """Connection parameters for psycopg."""
        place = find_place(self.home)
        if place is None:
            raise EmbeddedPostgresError(f"there is no database in {self.home} yet")
        return {"host": str(socket_folder(place)), "port": "5432", "user": role, "dbname": dbname}

    def start(self) -> None:
        """Create the cluster if there is none, and start the server unless it runs."""
        make_home(self.home)
        with exclusive(self.start_lock):
            self.start_locked()

    def start_locked(self) -> None:
        """`start` for a caller that holds the start lock."""
        if self.is_running():
            return
        place = make_place(self.home)
        programs = reachable_programs(place.folder, place.account)
        cluster.make_cluster(place, programs, sync=self.fsync)
        self._launch(place, programs)
        cluster.make_roles(self.dsn(dbname="postgres"))

    def stop(self, mode: Mode = "fast") -> None:
        """Stop the server even if it is in use, and wait for its end."""
        if self.home.is_dir():
            with exclusive(self.start_lock):
                self.stop_locked(mode)

    def stop_locked(self, mode: Mode = "fast") -> None:
        """`stop` for a caller that holds the start lock."""
        self._end(SIGNALS[mode])

    def kill(self) -> None:
        """Kill the postmaster with SIGKILL, like a crash; the next start recovers."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        pid = self.pid
        if pid is not None:
            postmaster.end(pid, how, STOP_PATIENCE_SECONDS)

    def remove(self) -> None:
        """Stop the server and delete its cluster; for tests."""
        self.stop("immediate")
        place = find_place(self.home)
        if place:
            shutil.rmtree(socket_folder(place), ignore_errors=True)
            shutil.rmtree(place.folder)
            if (self.home / "postgres").is_symlink():
                (self.home / "postgres").unlink()

    def _launch(self, place: Place, programs: Path) -> None:
        """Wait for a postmaster that is starting already, or start one."""
        deadline = time.monotonic() + LEFTOVERS_PATIENCE_SECONDS
        while True:
            offset = self.log.stat().st_size if self.log.exists() else 0
            found = postmaster.live_pid(place)
            pid = found
            try:
                with postmaster.interruptions_held():
                    pid = pid or self._spawn(place, programs)
                reason = self._await(place, pid, offset)
            except BaseException:  # Ctrl-C: nobody else would stop the new postmaster
                if pid and not found:
                    postmaster.end(pid, signal.SIGINT, STOP_PATIENCE_SECONDS)
                raise
            if reason is None:
                return
            passing = found or any(mark in reason for mark in LEFTOVERS)
            if not passing or time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"PostgreSQL does not start in {place.folder}: {reason} (log: {self.log})"
                )
            time.sleep(0.1)

    def _spawn(self, place: Place, programs: Path) -> int:
        postmaster.clear_stale_locks(place)
        settings = {} if self.fsync else WITHOUT_FSYNC
        with self._open_log() as log:
            return postmaster.launch(place, programs, make_socket_folder(place), settings, log)

    def _await(self, place: Place, pid: int, offset: int) -> str | None:
        """Wait until the postmaster accepts connections; otherwise the reason why not."""
        deadline = time.monotonic() + START_PATIENCE_SECONDS
        while postmaster.is_alive(pid):
            if postmaster.read_pid(place) == pid and self._refusal() is None:
                return None
            if time.monotonic() > deadline:
                return f"it is still recovering after {START_PATIENCE_SECONDS:.0f} seconds"
            time.sleep(postmaster.POLL_SECONDS)
        return self._last_words(offset)

    def _open_log(self) -> IO[bytes]:
        try:
            return open_log(self.log)
        except OSError as error:
            raise EmbeddedPostgresError(f"cannot write {self.log}: {error.strerror}") from error

    def _refusal(self) -> str | None:
        """The reason why the server refuses a connection, or None."""
        try:
            # As in cluster.py: the types of connect() name only some parameters.
            psycopg.connect(**self.dsn(dbname="postgres"), connect_timeout=5).close()  # type: ignore[arg-type]
        except psycopg.OperationalError as error:
            return None if any(mark in str(error) for mark in FULL) else str(error)
        return None

    def _last_words(self, offset: int) -> str:
        """The last line of the server's log that says why it ended."""
        with self.log.open("rb") as log:
            log.seek(offset)
            lines = log.read().decode(errors="replace").splitlines()
        fatal = [line for line in lines if "FATAL:" in line or "PANIC:" in line]
        line = (fatal or lines or ["no reason was given"])[-1]
        return line.partition("FATAL:")[2].strip() or line
