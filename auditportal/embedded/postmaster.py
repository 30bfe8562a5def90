"""The server process: starts it, signals it, and checks that it is alive.

Invariant: a pid file alone proves nothing: the pid may be stale, a zombie, or reused.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from auditportal.embedded.account import environment
from auditportal.embedded.errors import EmbeddedPostgresError
from auditportal.embedded.location import SOCKET_NAME, Place, socket_folder

POLL_SECONDS = 0.02

# Children of this process: referenced while they run, and polled so that none stays a zombie.
_children: dict[int, subprocess.Popen[bytes]] = {}


def read_pid(place: Place) -> int | None:
    """The pid in the pid file, unchecked."""
    try:
        return int(place.pid_file.read_text().splitlines()[0])
    except (FileNotFoundError, NotADirectoryError, IndexError, ValueError):
        return None


def live_pid(place: Place) -> int | None:
    """The pid of this cluster's running postmaster."""
    pid = read_pid(place)
    return pid if pid and is_alive(pid) and not _is_somebody_else(pid, place) else None


def is_alive(pid: int) -> bool:
    """True if a process runs; a zombie counts as dead."""
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state(pid) not in ("Z", "X")


def _state(pid: int) -> str:
    """The state letter from /proc; "" without /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def _is_somebody_else(pid: int, place: Place) -> bool:
    """True if the pid is certainly not this cluster's postmaster, which runs in its data folder.

    Root in a container may not read another user's working directory; the command line is readable.
    If the system does not tell, the process may be ours.
    """
    process = Path(f"/proc/{pid}")
    try:
        if process.stat().st_uid != place.account.uid:
            return True
        try:
            return not (process / "cwd").samefile(place.data)
        except PermissionError:
            return os.fsencode(place.data) not in (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def clear_stale_locks(place: Place) -> None:
    """Remove lock files that PostgreSQL would wrongly trust: their pid was reused, or is a zombie.
    Callers hold the start lock.

    Remaining backends of a killed postmaster still prevent a start: PostgreSQL finds them by the
    shared memory of the data folder, not by these files.
    """
    if live_pid(place) is not None:
        return
    pid = read_pid(place)
    if pid and Path(f"/proc/{pid}").exists():
        place.pid_file.unlink(missing_ok=True)
    (socket_folder(place) / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)


@contextmanager
def interruptions_held() -> Iterator[None]:
    """Block Ctrl-C while a postmaster is launched, so that none is left unknown. The child inherits
    the mask; PostgreSQL resets it first."""
    before = signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    )
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def launch(
    place: Place, programs: Path, socket: Path, settings: Mapping[str, str], log: IO[bytes]
) -> int:
    """Start the postmaster in its own session, out of reach of the terminal's Ctrl-C; its pid."""
    options = {"listen_addresses": "", "unix_socket_directories": str(socket), **settings}
    options["unix_socket_permissions"] = "0700"
    child = subprocess.Popen(
        [
            str(programs / "postgres"),
            "-D",
            str(place.data),
            *(f"--{name}={value}" for name, value in options.items()),
        ],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        env=environment(),
        umask=0o077,
        start_new_session=True,
        **place.account.identity(),
    )
    _children[child.pid] = child
    return child.pid


def end(pid: int, how: signal.Signals, patience: float) -> None:
    """Signal a postmaster and wait until it is gone."""
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return
    deadline = time.monotonic() + patience
    while is_alive(pid):
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(
                f"PostgreSQL (pid {pid}) did not stop within {patience:.0f} seconds"
            )
        time.sleep(POLL_SECONDS)
