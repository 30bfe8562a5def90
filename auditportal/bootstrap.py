"""The steps and checks before the portal serves.

Claims the port, checks that the database server is fit for a ledger and accepts enough connections,
then migrates, grants, and makes groups, keys, the first administrator and the static files.
"""

from __future__ import annotations

import errno
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import OperationalError, connections
from django.db.migrations.executor import MigrationExecutor

from events.accounts.roles import ADMINISTRATOR, ensure_groups, set_group
from events.errors import LedgerError
from events.store.connection import fetch_one, first_line
from observers.watch.at_start import repair_on_record

log = structlog.get_logger(__name__)

# Unique among the advisory locks of the portal.
PREPARATION_LOCK = 0x7072_6570


def prepare() -> str | None:
    """Bring everything up to date; the password of the first administrator if just created."""
    str(settings.SECRET_KEY)  # created now, so that an unwritable home fails early
    with _alone():
        with _on_record():
            call_command("migrate", verbosity=0, interactive=False)
            call_command("apply_grants")
        ensure_groups()
        call_command("ensure_keys")
        call_command("collectstatic", verbosity=0, interactive=False)
        return _first_administrator()


@contextmanager
def _alone() -> Iterator[None]:
    """Hold an advisory lock: portals that start on the same database prepare one after the
    other."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SET lock_timeout = '15min'")  # longer than any preparation takes
        cursor.execute("SELECT pg_advisory_lock(%s)", [PREPARATION_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [PREPARATION_LOCK])


def _on_record() -> AbstractContextManager[None]:
    """Record a repair of the guards, except with pending migrations, which explain deviations."""
    executor = MigrationExecutor(connections["owner"])
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return nullcontext() if waiting else repair_on_record()


def _first_administrator() -> str | None:
    if User.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(15)
    administrator = User(username="admin", is_staff=True, is_superuser=True)
    administrator.set_password(password)
    administrator.save()
    set_group(administrator, ADMINISTRATOR)
    return password


ENCODING = "UTF8"


class UnfitServer(LedgerError):
    """A ledger cannot be kept or written there; says why and what to do."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """`unsafe`: names of settings that are off although a power cut may then destroy data."""

    database: str
    encoding: str
    takes_writes: bool
    unsafe: tuple[str, ...]

    @property
    def read_only(self) -> str:
        """The reason why the database cannot be written, and what to do; "" if it can."""
        if self.takes_writes:
            return ""
        return (
            f"the database {self.database!r} does not accept writes: its server is a standby, or "
            "was made read-only. Point the URL to the primary; one that names several hosts needs "
            "target_session_attrs=read-write"
        )

    @property
    def warnings(self) -> list[str]:
        """A sentence for each setting that makes a power cut dangerous."""
        return [
            f"{name} is off on the database server: a power failure may lose acknowledged events "
            f"and damage the database beyond repair. Set {name} = on, and restart PostgreSQL"
            for name in self.unsafe
        ]


def check_server(using: str) -> ServerFacts:
    """Facts of the database server; unsafe settings are logged.

    Raises:
        UnfitServer: the database cannot store every text.
        LedgerUnavailableError: the database is unavailable.
    """
    database, encoding, takes_writes, unsafe = fetch_one(using, "maintenance.server_facts")
    facts = ServerFacts(database, encoding, takes_writes, tuple(unsafe))
    if encoding != ENCODING:
        raise UnfitServer(
            f"the database {database!r} has the encoding {encoding}, and a ledger needs "
            f"{ENCODING}: CREATE DATABASE … ENCODING '{ENCODING}' TEMPLATE template0"
        )
    for name in facts.unsafe:
        log.critical("database_unsafe", setting=name, database=database)
    return facts


def require_writable(using: str) -> ServerFacts:
    """`check_server` before writing.

    Raises:
        UnfitServer: as there, or the server does not accept writes.
    """
    facts = check_server(using)
    if not facts.takes_writes:
        raise UnfitServer(facts.read_only)
    return facts


OTHERS = 8
"""Connections for everything but the web server: the worker, commands, an operator's psql."""

OF_A_PROCESS = 3
"""Connections of a process beside its threads': append, prefetch, access log."""

_AVAILABLE = """
SELECT current_setting('max_connections')::int
     - current_setting('superuser_reserved_connections')::int
     - coalesce(current_setting('reserved_connections', true)::int, 0)
"""


class TooFewConnections(Exception):
    """The threads could open more connections than the database accepts."""


def require_connections(workers: int, threads: int) -> None:
    """Check that the database accepts enough connections: one per thread and a few per process.

    With a replica, a thread may open a second connection, to the primary, while the replica is
    away: if those do not fit, the server starts and logs the shortage. If the database is
    unavailable the check is skipped and logged.

    Raises:
        TooFewConnections: says what to change.
    """
    needed = workers * (threads + OF_A_PROCESS) + OTHERS
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute(_AVAILABLE)
            available = int(cursor.fetchone()[0])
    except OperationalError as error:
        log.warning("connections_not_counted", why=first_line(error))
        return
    if needed > available:
        raise TooFewConnections(
            f"PORTAL_WORKERS={workers} processes of PORTAL_THREADS={threads} threads may open "
            f"{needed} connections, and the database takes {available}: lower one of them, or "
            "raise its max_connections"
        )
    without_replica = needed + workers * threads
    if settings.LEDGER_READ_ALIAS != "default" and without_replica > available:
        log.warning(
            "connections_short_without_replica", needed=without_replica, available=available
        )


class PortTaken(Exception):
    """The port is in use, or not permitted."""


def claim_port(address: str, port: int) -> socket.socket:
    """Bind the port and hold it, without listening, while the socket is open.

    Granian's workers share the port by SO_REUSEPORT, which would let a second portal join. So it is
    bound without that option first, which fails for a second claim, and the option is set
    afterwards. SO_REUSEADDR is set only during bind, to ignore closing connections; two sockets
    that both kept it could claim the same port.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    claim = socket.socket(family, socket.SOCK_STREAM)
    try:
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        claim.bind((address, port))
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError as error:
        claim.close()
        raise PortTaken(_reason(address, port, error)) from error
    if sys.platform != "linux":  # elsewhere a bound socket may steal connections from the workers
        claim.close()
    return claim


def _reason(address: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        free = port + 1 if port < 65535 else port - 1
        return f"port {port} on {address} is in use, perhaps by another portal; try PORT={free}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} needs privileges this user does not have; try PORT=8000"
    return f"cannot listen on {address} port {port}: {error.strerror}"
