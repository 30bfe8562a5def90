"""Helpers for restore tests: empty databases, and commands run as processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from django.db import connections
from psycopg import sql

from auditportal.env import BASE_DIR
from auditportal.tests.conftest import clean_environment
from events.tests.support.ledger import Ledger, point_at

PATIENCE_SECONDS = 60.0


@contextmanager
def empty_database(beside: Ledger) -> Iterator[Ledger]:
    """Another database of the same server, owned like the ledger's; every alias points to it."""
    other = Ledger(beside.server, f"{beside.name}_restored")
    try:
        make_empty(other, beside)
        point_at(other.server, other.name)
        yield other
    finally:
        connections.close_all()
        _drop(other, beside)
        point_at(beside.server, beside.name)


@contextmanager
def emptied(ledger: Ledger) -> Iterator[None]:
    """The ledger's database, dropped and recreated, as after the loss of a disk."""
    connections.close_all()
    with Ledger(ledger.server, "postgres").connect("postgres") as superuser:
        superuser.execute(
            sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(ledger.name))
        )
    make_empty(ledger, Ledger(ledger.server, "postgres"))
    yield


def make_empty(wanted: Ledger, connected: Ledger) -> None:
    """Create an empty database of the owner, through a connection to another."""
    with connected.connect("postgres") as superuser:
        superuser.execute(
            sql.SQL("CREATE DATABASE {} OWNER portal_owner TEMPLATE template0").format(
                sql.Identifier(wanted.name)
            )
        )


def _drop(unwanted: Ledger, connected: Ledger) -> None:
    with connected.connect("postgres") as superuser:
        superuser.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(unwanted.name))
        )


def start_command(ledger: Ledger, home: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `manage.py ARGUMENTS` on this ledger by DATABASE_URL."""
    return subprocess.Popen(
        [sys.executable, str(BASE_DIR / "manage.py"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean_environment(
            home,
            DATABASE_URL=_url(ledger, "portal_app"),
            OWNER_DATABASE_URL=_url(ledger, "portal_owner"),
            DJANGO_SECRET_KEY="x" * 60,
        ),
    )


def kill_when_waiting(process: subprocess.Popen[str], ledger: Ledger, program: str) -> None:
    """SIGKILL the command once its program waits for a lock, and check that the program ends
    too."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = %s"
        " AND wait_event_type = 'Lock'"
    )
    _until(
        lambda: ledger.query(waiting, [ledger.name, f"audit-portal {program}"]) == [(1,)], process
    )
    (child,) = _children(process.pid)
    process.kill()
    process.communicate()
    _until(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child))


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _until(true: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        if process is not None and (process.poll() is not None or time.monotonic() > deadline):
            process.kill()
            raise AssertionError(process.communicate()[0])
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _url(ledger: Ledger, role: str) -> str:
    place = ledger.server.dsn(role, ledger.name)
    return f"postgresql://{role}@{quote(place['host'], safe='')}:{place['port']}/{ledger.name}"
