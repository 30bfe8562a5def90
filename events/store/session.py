"""Session settings of every connection of the portal, and detection of a lost server.

Behind a pooler in transaction mode, session settings may be those of another connection. Whatever
safety depends on is therefore set again in the append's own transaction, by `lock_ledger`.
"""

from __future__ import annotations

import psycopg

from events import sql

PINS = (b"SET statement_timeout = 0", sql.query("session.pin").encode())
"""The first statement keeps a timeout from stopping the second, which sets everything."""

WRITABLE = sql.query("session.writable").encode()
"""Returns true if the server accepts writes from this session."""

LOST = frozenset({"25006", "25P03", "25P04"})
"""SQLSTATEs of a session that cannot continue, besides psycopg's `OperationalError`: the server is
read-only (a failover), or ended an idle or a long transaction."""


def is_lost(error: BaseException | None) -> bool:
    """True if a psycopg error means that this connection no longer leads to a server that accepts
    writes."""
    return isinstance(error, psycopg.Error) and error.sqlstate in LOST


def pin(connection: psycopg.Connection[object]) -> None:
    """Apply the session settings to a connection made outside Django."""
    for statement in PINS:
        connection.execute(statement)


async def pin_async(connection: psycopg.AsyncConnection[object]) -> None:
    """`pin` for the worker's pool, which needs connections without an open transaction."""
    for statement in PINS:
        await connection.execute(statement)
    if not connection.autocommit:
        await connection.commit()


async def require_writable(connection: psycopg.AsyncConnection[object]) -> None:
    """Check a connection before the worker's pool hands it out.

    Raises:
        psycopg.OperationalError: the connection is lost, or its server is read-only.
    """
    async with connection.transaction():
        cursor = await connection.execute(WRITABLE)
        row = await cursor.fetchone()
    if row != (True,):
        raise psycopg.OperationalError("the server does not accept writes")
