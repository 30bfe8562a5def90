"""Runs a temporary PostgreSQL for a benchmark, with fsync on, and removes it afterwards.

Where a C compiler is installed, its disk can be slowed by a millisecond while it runs: a small
library that wraps fdatasync() is compiled and preloaded. Switched off, it costs one file lookup
per flush. (`commit_delay` would wait before the flush, and so put more commits into one flush than
a slow disk does.)
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from auditportal.embedded import EmbeddedPostgres, sharing
from auditportal.embedded.account import environment
from auditportal.embedded.cluster import reachable_programs
from auditportal.embedded.location import find_place, make_socket_folder

SHIM = Path(__file__).with_name("slow_disk.c")
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    # The benchmark requests its checkpoints between the measurements.
    "checkpoint_timeout": "1h",
    "max_wal_size": "16GB",
}
PATIENCE_SECONDS = 60.0


class Cluster:
    """The running server and the switch of its slow disk."""

    def __init__(self, home: Path, server: EmbeddedPostgres, can_slow: bool) -> None:
        self.home, self.server, self.can_slow = home, server, can_slow
        self._switch = home / "slow"

    @property
    def pid(self) -> int:
        """The pid of the postmaster."""
        pid = self.server.pid
        if pid is None:
            raise SystemExit(f"the benchmark's PostgreSQL has ended; see {self.server.log}")
        return pid

    def connect(self, dbname: str = "postgres") -> psycopg.Connection[Any]:
        """Connect as the superuser, in autocommit mode."""
        return psycopg.connect(**self.server.dsn(dbname=dbname), autocommit=True)  # type: ignore[arg-type]

    def checkpoint(self) -> None:
        with self.connect() as connection:
            connection.execute("CHECKPOINT")

    @contextmanager
    def slowed(self, slow: bool) -> Iterator[None]:
        """Makes every flush in the block a millisecond longer, if `slow`."""
        if slow:
            self._switch.touch()
        try:
            yield
        finally:
            self._switch.unlink(missing_ok=True)


@contextmanager
def running() -> Iterator[Cluster]:
    """Start a server; stop it and remove its files afterwards."""
    home = Path(tempfile.mkdtemp(prefix="auditportal-bench-"))
    home.chmod(0o755)  # the server runs as another user when the benchmark runs as root
    server = EmbeddedPostgres(home)
    try:
        server.start()
        server.stop()
        shim = _compiled(home)
        _start(server, {"LD_PRELOAD": str(shim)} if shim else {})
        sharing.use(server)  # so that an ending child of the benchmark does not stop the server
        yield Cluster(home, server, shim is not None)
    finally:
        sharing.leave(server)
        server.remove()
        shutil.rmtree(home, ignore_errors=True)


def _compiled(home: Path) -> Path | None:
    """The compiled library, or None without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    library = home / "slow_disk.so"
    switch = f'-DSWITCH="{home / "slow"}"'
    arguments: list[str | Path] = [
        compiler,
        "-shared",
        "-fPIC",
        "-O2",
        switch,
        "-o",
        library,
        SHIM,
        "-ldl",
    ]
    made = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return None
    library.chmod(0o755)
    return library


def _start(server: EmbeddedPostgres, extra: dict[str, str]) -> None:
    """Start the server as the portal does, with the benchmark's settings."""
    place = find_place(server.home)
    if place is None:
        raise SystemExit(f"there is no database in {server.home}")
    programs = reachable_programs(place.folder, place.account)
    settings = SETTINGS | {"unix_socket_directories": str(make_socket_folder(place))}
    with server.log.open("ab") as log:
        child = subprocess.Popen(
            [
                str(programs / "postgres"),
                f"-D{place.data}",
                *(f"--{name}={value}" for name, value in settings.items()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment() | extra,
            umask=0o077,
            start_new_session=True,
            **place.account.identity(),
        )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not server.is_running():
        if child.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the benchmark's PostgreSQL does not start; see {server.log}")
        time.sleep(0.05)
