"""Whether the database takes as many connections as the server's threads may open.

It must never let a server start that would refuse its own requests under load.
"""

from __future__ import annotations

import structlog
from django.conf import settings
from django.db import OperationalError, connections

from events.store.connection import first_line

log = structlog.get_logger(__name__)

OTHERS = 8
"""Connections beside the web server's: the worker, commands, an operator's psql."""

OF_A_PROCESS = 3
"""Beside its threads': one that appends, one that looks ahead, one that writes the access log."""

_AVAILABLE = """
SELECT current_setting('max_connections')::int
     - current_setting('superuser_reserved_connections')::int
     - coalesce(current_setting('reserved_connections', true)::int, 0)
"""


class TooFewConnections(Exception):
    """The threads could open more connections than there are."""


def require_connections(workers: int, threads: int) -> None:
    """Each thread keeps one, and each process some of its own. Where observers read from a
    replica, a thread may open a second one at the primary while the replica is away: if those do
    not fit, the server starts, and the log says what would be short then.

    A database that is away cannot be asked: the server starts, and says so to each request.

    Raises:
        TooFewConnections: naming what to change.
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
