"""Runs named SQL files on a Django connection; maps the ledger's SQLSTATEs to `LedgerError`s."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connections
from psycopg import Copy

from events import sql
from events.errors import (
    AppendRefusedError,
    CeremonyRefusedError,
    HeadMismatchError,
    LedgerError,
    LedgerHeldError,
    SystemHaltedError,
)

HALTED = "AP001"
HEAD_MISMATCH = "AP002"
APPEND_REFUSED = "AP003"
APPEND_ONLY = "AP004"
CEREMONY_REFUSED = "AP005"
LOCK_NOT_AVAILABLE = "55P03"


class LedgerUnavailableError(LedgerError):
    """The database cannot be reached, or the connection was lost. The outcome of a commit in
    progress is unknown: send the same `event_id` again."""


AWAY = (LedgerUnavailableError, OperationalError, InterfaceError)
"""Errors raised when the database is unavailable, before or after mapping."""


class AppendOnlyError(LedgerError):
    """FR7: a change of append-only data was refused."""


@contextmanager
def named_errors() -> Iterator[None]:
    """Map the ledger's SQLSTATEs, a lost connection and a lock timeout to `LedgerError`s.

    Other database errors pass through unchanged.
    """
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if sqlstate(error) == LOCK_NOT_AVAILABLE:
            raise LedgerHeldError(
                "timed out waiting for a lock that another transaction holds"
            ) from error
        raise LedgerUnavailableError(
            f"the database is not available: {first_line(error)}"
        ) from error
    except DatabaseError as error:
        named = _named(error)
        if named is error:
            raise  # `from error` would make the error its own cause, and hide psycopg's behind it
        raise named from error


def first_line(error: BaseException) -> str:
    """The first line of an error's message, for one-line reports."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE of a Django database error, or ""."""
    return getattr(error.__cause__, "sqlstate", None) or ""


def constraint(error: BaseException) -> str:
    """The name of the constraint or check that refused, or ""."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None) or ""


def key_taken(error: BaseException) -> str:
    """The value that a unique constraint of one column refused, or ""."""
    detail = getattr(getattr(error.__cause__, "diag", None), "message_detail", None) or ""
    return detail.partition(")=(")[2].partition(")")[0]


def _named(error: DatabaseError) -> Exception:
    state = sqlstate(error)
    message = first_line(error)
    if state == HALTED:
        return SystemHaltedError(message)
    if state == HEAD_MISMATCH:
        return HeadMismatchError(message)
    if state == APPEND_REFUSED:
        return AppendRefusedError(message, constraint(error))
    if state == APPEND_ONLY:
        return AppendOnlyError(message)
    if state == CEREMONY_REFUSED:
        return CeremonyRefusedError(message, constraint(error))
    return error


def takes_writes(using: str) -> bool:
    """True if the server accepts writes. A session keeps the server role it started with, so a
    negative answer or a lost connection is checked again on a new connection."""
    with suppress(LedgerUnavailableError):
        if fetch_one(using, "session.writable") == (True,):
            return True
    connections[using].close()
    return bool(fetch_one(using, "session.writable")[0])


def fetch_all(using: str, query: str, parameters: Mapping[str, Any] | None = None) -> list[Any]:
    """Every row of a named query (`events/sql/queries/`), as tuples."""
    with named_errors(), connections[using].cursor() as cursor:
        cursor.execute(sql.query(query), parameters)
        rows: list[Any] = cursor.fetchall()
    return rows


def fetch_one(using: str, query: str, parameters: Mapping[str, Any] | None = None) -> Any:
    """The first row of a named query, or None."""
    with named_errors(), connections[using].cursor() as cursor:
        cursor.execute(sql.query(query), parameters)
        return cursor.fetchone()


def execute(using: str, query: str, parameters: Mapping[str, Any] | None = None) -> int:
    """Run a named statement and return how many rows it touched."""
    with named_errors(), connections[using].cursor() as cursor:
        cursor.execute(sql.query(query), parameters)
        return int(cursor.rowcount)


@contextmanager
def copying(using: str, query: str, parameters: Mapping[str, Any]) -> Iterator[Copy]:
    """Run a named COPY … TO STDOUT. It ends with its last row or by an exception such as
    GeneratorExit: psycopg does not terminate the COPY when the iterator is abandoned.

    While it runs it holds a snapshot and blocks the connection: the reader must not wait for
    anybody else.
    """
    with (
        named_errors(),
        connections[using].cursor() as cursor,
        connections[using].wrap_database_errors,  # below it is psycopg's own cursor
        cursor.cursor.copy(sql.query(query), parameters) as copy,
    ):
        yield copy


def copy_lines(
    using: str, query: str, parameters: Mapping[str, Any]
) -> Generator[bytes, None, None]:
    """The lines of a COPY … TO STDOUT as they arrive. A caller that stops early closes the
    generator."""
    with copying(using, query, parameters) as copy:
        for line in copy:
            yield bytes(line)
