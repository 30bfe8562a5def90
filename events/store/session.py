"""The settings that every connection of the portal gives itself, and the errors of a lost server.

Behind a pooler that hands out a connection for each transaction, settings of a session may be those
of another connection. What safety rests on is therefore set again in the append's own transaction,
by `lock_ledger`.
"""

from __future__ import annotations

import psycopg

from events import sql

PINS = (b"SET statement_timeout = 0", sql.load("queries/session.sql").encode())
"""The first lets the second live, which sets them all."""

WRITABLE = sql.load("queries/writable.sql").encode()
"""Asks whether the server takes writes from this session."""

LOST = frozenset({"25006", "25P03", "25P04"})
"""SQLSTATEs of a session that cannot go on, beside psycopg's `OperationalError`: the server takes
no writes (a failover), or ended an idle or a long transaction."""


def is_lost(error: BaseException | None) -> bool:
    """Whether a psycopg error says that this connection no longer leads to a server that writes."""
    return isinstance(error, psycopg.Error) and error.sqlstate in LOST


def pin(connection: psycopg.Connection[object]) -> None:
    """Set what the portal relies on, on a connection of our own making."""
    for statement in PINS:
        connection.execute(statement)


async def pin_async(connection: psycopg.AsyncConnection[object]) -> None:
    """`pin` for the worker's pool, which wants no transaction left open."""
    for statement in PINS:
        await connection.execute(statement)
    if not connection.autocommit:
        await connection.commit()


async def require_writable(connection: psycopg.AsyncConnection[object]) -> None:
    """The worker's pool asks this of each connection before it hands it out.

    Raises:
        psycopg.OperationalError: the connection is lost, or its server takes no writes.
    """
    async with connection.transaction():
        cursor = await connection.execute(WRITABLE)
        row = await cursor.fetchone()
    if row != (True,):
        raise psycopg.OperationalError("the server takes no writes")
