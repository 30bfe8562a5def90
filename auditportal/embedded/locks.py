"""File locks between processes that share an embedded server. The kernel drops them on death."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auditportal.embedded.errors import EmbeddedPostgresError

# Longer than a crash recovery should take; a start waits for another process's start.
PATIENCE_SECONDS = 300.0
POLL_SECONDS = 0.02


def open_lock(path: Path) -> int:
    """Open a lock file. Invariant: it is not removed, which would let two holders in."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EmbeddedPostgresError(f"cannot open {path}: {error.strerror}") from error


def try_lock(descriptor: int, kind: int) -> bool:
    """Try to take the lock without waiting; False if it is held."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


@contextmanager
def exclusive(path: Path, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Hold the lock alone; waits up to `patience` seconds.

    Raises:
        EmbeddedPostgresError: the lock was not released in time.
    """
    descriptor = open_lock(path)
    try:
        deadline = time.monotonic() + patience
        while not try_lock(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"another process has been starting or stopping PostgreSQL for "
                    f"{patience:.0f} seconds ({path} is locked)"
                )
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)
