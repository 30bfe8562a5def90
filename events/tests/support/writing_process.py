"""A process that writes, for tests that need several of them or kill one.

`python -m events.tests.support.writing_process MODE COUNT` prints `ready`, waits for a line, and
then writes; it prints each acknowledged sequence and event_id.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO
from urllib.parse import quote

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "auditportal.settings")
    django.setup()

from django.conf import settings
from django.db import IntegrityError, connections, transaction

from events.append.services import shared_writer, writer
from events.tests.support import fault_injection
from events.tests.support.ledger import Ledger, submission

PROJECT = Path(__file__).resolve().parents[3]


@contextlib.contextmanager
def writing_process(ledger: Ledger, mode: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """Start one beside the test, ready to write; it is killed at the end if it still runs."""
    place = ledger.server.dsn("portal_app", ledger.name)
    url = "postgresql:///{dbname}?host={host}&port={port}&user={user}".format(
        **{name: quote(value, safe="") for name, value in place.items()}
    )
    child = subprocess.Popen(
        [sys.executable, "-m", "events.tests.support.writing_process", mode, str(count)],
        cwd=PROJECT,
        env={
            **os.environ,
            "DATABASE_URL": url,
            "PORTAL_KEY_DIR": str(settings.PORTAL_KEY_DIR),
            "DJANGO_SECRET_KEY": "of a test",
            "PORTAL_LOG_LEVEL": "ERROR",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def expect(child: subprocess.Popen[str], line: str) -> None:
    """Wait for a line of the process."""
    assert _pipe(child.stdout).readline().strip() == line


def go(child: subprocess.Popen[str]) -> None:
    """Release a process that is ready."""
    _pipe(child.stdin).write("go\n")
    _pipe(child.stdin).flush()


def acknowledged(child: subprocess.Popen[str]) -> tuple[int, str]:
    """The next acknowledged sequence and event_id."""
    sequence, event_id = _pipe(child.stdout).readline().split()
    return int(sequence), event_id


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _write(count: int) -> None:
    """Write one by one; one in ten is rolled back on purpose."""
    for number in range(count):
        kind = fault_injection.ROLLED_BACK if number % 10 == 5 else "test.happened"
        with contextlib.suppress(IntegrityError):
            appended = writer().write_event(submission(number=number, event_type=kind)).event
            _say(f"{appended.sequence} {appended.event_id}")


def _gather(count: int) -> None:
    """As `_write`, in four threads that share transactions."""

    def write(thread: int) -> None:
        for number in range(thread, count, 4):
            kind = fault_injection.ROLLED_BACK if number % 10 == 5 else "test.happened"
            with contextlib.suppress(IntegrityError):
                one = submission(number=number, event_type=kind)
                appended = shared_writer().write_event(one).event
                _say(f"{appended.sequence} {appended.event_id}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))


def _hold(count: int) -> None:
    """Insert `count` events in a transaction that is never finished."""
    with transaction.atomic():
        writer().append_in_transaction([submission(number=n) for n in range(count)])
        _say("holding")
        sys.stdin.readline()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    fault_injection.install()
    connections["default"].ensure_connection()
    _say("ready")
    sys.stdin.readline()
    {"write": _write, "gather": _gather, "hold": _hold}[sys.argv[1]](int(sys.argv[2]))
