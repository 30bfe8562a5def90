"""Shares an embedded server between processes: the first starts it, the last stops it.

Every process that uses it holds a shared lock on one file, which the kernel drops when the process
dies. Entering and leaving hold the exclusive start lock, so the test for the last user cannot race
with a new one.

Invariant: a forked child does not count as a user until it enters.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from auditportal.embedded.errors import EmbeddedPostgresError
from auditportal.embedded.location import make_home
from auditportal.embedded.locks import exclusive, open_lock, try_lock
from auditportal.embedded.server import EmbeddedPostgres


@dataclass
class _Use:
    server: EmbeddedPostgres
    descriptor: int


_uses: dict[Path, _Use] = {}
_mutex = threading.Lock()


def use(server: EmbeddedPostgres) -> None:
    """Count this process as a user until it ends, and start the server if necessary."""
    if server.home in _uses:
        return
    with _mutex:
        if server.home not in _uses:
            _enter(server)


def revive(server: EmbeddedPostgres) -> None:
    """Restart a server that died while in use."""
    with _mutex, exclusive(server.start_lock):
        server.start_locked()


def leave(server: EmbeddedPostgres) -> None:
    """Stop counting this process as a user; the last one stops the server."""
    with _mutex:
        use = _uses.pop(server.home, None)
        if use is None:
            return
        try:
            with exclusive(server.start_lock):
                _stop_if_last(server, use.descriptor)
        finally:
            os.close(use.descriptor)


def _enter(server: EmbeddedPostgres) -> None:
    make_home(server.home)
    with exclusive(server.start_lock):
        descriptor = open_lock(server.home / "postgres.users.lock")
        try:
            # Always granted: an exclusive holder would hold the start lock.
            try_lock(descriptor, fcntl.LOCK_SH)
            server.start_locked()
            _uses[server.home] = _Use(server, descriptor)
        except BaseException:  # Ctrl-C too: stop the server that nobody uses
            _stop_if_last(server, descriptor)
            os.close(descriptor)
            raise


def _stop_if_last(server: EmbeddedPostgres, descriptor: int) -> None:
    """Stop the server unless another process uses it. Callers hold the start lock."""
    if try_lock(descriptor, fcntl.LOCK_EX):
        server.stop_locked()


def _leave_all() -> None:
    for use in list(_uses.values()):
        try:
            leave(use.server)
        except (EmbeddedPostgresError, OSError) as error:
            # At exit the loggers may be closed already.
            print(f"the embedded PostgreSQL was not stopped: {error}", file=sys.stderr)  # noqa: T201


def _forget_in_child() -> None:
    """Forget the parent's uses in a forked child: closing its copies of the descriptors releases
    nothing, and the child enters when it needs the server."""
    global _mutex
    _mutex = threading.Lock()
    for use in _uses.values():
        os.close(use.descriptor)
    _uses.clear()


atexit.register(_leave_all)
os.register_at_fork(after_in_child=_forget_in_child)
