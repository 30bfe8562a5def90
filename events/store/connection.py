"""Runs one named SQL file on a Django connection and turns the database's refusals into ours.

It must never build SQL from values.
"""

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
    """The database cannot be reached, or went away. Whether a commit under way held is unknown:
    send the same `event_id` again."""


AWAY = (LedgerUnavailableError, OperationalError, InterfaceError)
"""What is raised when the database is away, with our name or without."""


class AppendOnlyError(LedgerError):
    """FR7: a change of what is written was refused."""


@contextmanager
def named_errors() -> Iterator[None]:
    """Turn the ledger's SQLSTATEs, a lost connection and a lock that does not come, into
    `LedgerError`s.

    Everything else passes as it is: a programming error is not the ledger's to explain.
    """
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if sqlstate(error) == LOCK_NOT_AVAILABLE:
            raise LedgerHeldError(
                "a lock that is needed did not come in time: another transaction holds it"
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
    """The SQLSTATE behind a Django database error, "" when there is none."""
    return getattr(error.__cause__, "sqlstate", None) or ""


def constraint(error: BaseException) -> str:
    """The name of the constraint or check that refused, "" when there is none."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None) or ""


def key_taken(error: BaseException) -> str:
    """The value that a unique constraint of one column refused, "" when it was no such one."""
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
    """Whether the server takes writes. A session keeps what its role was when it began, so one that
    takes none, and one that was lost, is asked again on a new connection."""
    with suppress(LedgerUnavailableError):
        if fetch_one(using, "writable") == (True,):
            return True
    connections[using].close()
    return bool(fetch_one(using, "writable")[0])


def fetch_all(using: str, query: str, parameters: Mapping[str, Any] | None = None) -> list[Any]:
    """Every row of `events/sql/queries/<query>.sql`, as tuples."""
    with named_errors(), connections[using].cursor() as cursor:
        cursor.execute(sql.load(f"queries/{query}.sql"), parameters)
        rows: list[Any] = cursor.fetchall()
    return rows


def fetch_one(using: str, query: str, parameters: Mapping[str, Any] | None = None) -> Any:
    """The first row of a query, or None."""
    with named_errors(), connections[using].cursor() as cursor:
        cursor.execute(sql.load(f"queries/{query}.sql"), parameters)
        return cursor.fetchone()


def execute(using: str, query: str, parameters: Mapping[str, Any]) -> int:
    """Run a statement and return how many rows it touched."""
    with named_errors(), connections[using].cursor() as cursor:
        cursor.execute(sql.load(f"queries/{query}.sql"), parameters)
        return int(cursor.rowcount)


@contextmanager
def copying(using: str, query: str, parameters: Mapping[str, Any]) -> Iterator[Copy]:
    """A COPY … TO STDOUT under way. It ends with its last row or by an exception, such as the one
    that closes a generator; psycopg does not end it for who just leaves.

    While it runs it holds a snapshot, and the connection can do nothing else: whoever reads must
    not stop to wait for anybody else.
    """
    with (
        named_errors(),
        connections[using].cursor() as cursor,
        connections[using].wrap_database_errors,  # what follows is psycopg's own cursor
        cursor.cursor.copy(sql.load(f"queries/{query}.sql"), parameters) as copy,
    ):
        yield copy


def copy_lines(
    using: str, query: str, parameters: Mapping[str, Any]
) -> Generator[bytes, None, None]:
    """The lines of a COPY … TO STDOUT, as they come; who leaves early closes the generator."""
    with copying(using, query, parameters) as copy:
        for line in copy:
            yield bytes(line)
