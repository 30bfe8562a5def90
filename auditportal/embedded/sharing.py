"""Who uses an embedded server: the first one in starts it, the last one out stops it.

It must never stop a server that another process uses, and a forked child must never stop its
parent's.

Every using process holds a shared lock on one file, which the system drops when the process
dies, by kill -9 too. Coming and going happens under the exclusive start lock, so "am I the last?"
cannot be overtaken by "I am coming".
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
    """Count this process among the users until it ends, and have the server run."""
    if server.home in _uses:
        return
    with _mutex:
        if server.home not in _uses:
            _enter(server)


def revive(server: EmbeddedPostgres) -> None:
    """Start a server again that died under its users."""
    with _mutex, exclusive(server.start_lock):
        server.start_locked()


def leave(server: EmbeddedPostgres) -> None:
    """Count this process among the users no longer; the last one stops the server."""
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
            # Never refused: who asks for it exclusively holds the start lock.
            try_lock(descriptor, fcntl.LOCK_SH)
            server.start_locked()
            _uses[server.home] = _Use(server, descriptor)
        except BaseException:  # Ctrl-C too: from here to the exit somebody must answer for it
            _stop_if_last(server, descriptor)
            os.close(descriptor)
            raise


def _stop_if_last(server: EmbeddedPostgres, descriptor: int) -> None:
    """Callers hold the start lock."""
    if try_lock(descriptor, fcntl.LOCK_EX):
        server.stop_locked()


def _leave_all() -> None:
    for use in list(_uses.values()):
        try:
            leave(use.server)
        except (EmbeddedPostgresError, OSError) as error:
            # The process ends here, and its loggers may have ended before.
            print(f"the embedded PostgreSQL was not stopped: {error}", file=sys.stderr)  # noqa: T201


def _forget_in_child() -> None:
    """A forked child shares its parent's locks without being a user itself: closing its copies
    releases nothing, and when it needs the server it enters on its own account."""
    global _mutex
    _mutex = threading.Lock()
    for use in _uses.values():
        os.close(use.descriptor)
    _uses.clear()


atexit.register(_leave_all)
os.register_at_fork(after_in_child=_forget_in_child)
