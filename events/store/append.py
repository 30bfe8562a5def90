"""Appends in the database: takes the lock, reads the head, inserts rows.

`open_append` and `insert_events` work in the caller's transaction. `append_on` does a whole append
over one connection in as few round trips as possible, for group commit: the head is read in one
message with BEGIN. COPY and COMMIT then go out together, before the first row is there: PostgreSQL
answers to COPY while rows are still being signed, receives them while the next ones are, and
commits as soon as the last one has passed the triggers. psycopg's own `copy()` refuses a query of
several statements, so the steps are built from its generators.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import Any

import psycopg
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import errors, generators, pq
from psycopg.abc import PQGen
from psycopg.waiting import Wait

from events import sql
from events.errors import LedgerConfigurationError, LedgerError
from events.format.event import FIELDS, Event
from events.store.connection import LedgerUnavailableError, execute, fetch_one, named_errors


class NoTransactionError(LedgerError):
    """The append protocol was started outside a transaction, where its lock would guard nothing."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The state read under the lock: the head, this append's authority time, and the drift
    threshold (seconds) that the trigger will use."""

    last_sequence: int
    content_hash: str
    authority_timestamp: str
    drift_threshold: Decimal


PATIENCE_MS = 5000
"""Lock timeout of an append that is not retried."""

INSERTED = tuple(name for name in FIELDS if name != "sequence")


def open_append(using: str, patience_ms: int = PATIENCE_MS) -> Opening:
    """Take the ledger's lock until the end of the transaction, and read the head.

    Raises:
        NoTransactionError: no transaction is open.
        SystemHaltedError: CT-11, the ledger is halted.
        HeadMismatchError: CT-13, the tail of `events` is not the head.
        LedgerConfigurationError: AC4, the drift threshold is missing.
        LedgerHeldError: the lock did not come within `patience_ms`.
    """
    _require_transaction(using)
    return checked_opening(fetch_one(using, "append.open_append", {"patience": patience_ms}))


def checked_opening(row: Sequence[Any]) -> Opening:
    """Parse the row of `append.open_append`, given as values or as texts.

    Raises:
        LedgerConfigurationError: AC4, the drift threshold is missing.
    """
    last_sequence, content_hash, authority_timestamp, drift_threshold = row
    if drift_threshold is None:
        raise LedgerConfigurationError("AC4: the drift threshold is missing from ledger_config")
    return Opening(int(last_sequence), content_hash, authority_timestamp, Decimal(drift_threshold))


def insert_events(using: str, events: Sequence[Event]) -> None:
    """Insert events in order; the triggers re-check each of them.

    Raises:
        AppendRefusedError: a trigger found one of them wrong, and nothing was written.
        HeadMismatchError: CT-13, the trigger that records the append is not in force.
    """
    _require_transaction(using)
    columns = {name: [getattr(event, name) for event in events] for name in INSERTED}
    if execute(using, "append.insert_events", columns):
        fetch_one(using, "append.confirm_append")


def _require_transaction(using: str) -> None:
    if not connections[using].in_atomic_block:
        raise NoTransactionError("FR7: appending needs an open transaction")


_OPEN = sql.query("append.begin_and_open").encode()
_COPY = sql.query("append.copy_and_commit").encode()

_PAYLOAD = INSERTED.index("payload")
"""Canonical JSON: it may hold backslashes, but neither tabs nor line breaks."""

_NAMES = (INSERTED.index("event_type"), INSERTED.index("agent_id"))
"""A tab or a line break in them is refused by the table's constraints, which it reaches as part of
its column."""

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


PROMPT_MILLISECONDS = 2
"""Wait before assuming that another session holds the lock."""


class InTransactionError(LedgerError):
    """An append that commits on its own was started inside another transaction."""


class PipelinedAppend:
    """An append in progress: begun, under the lock, ready to send rows."""

    def __init__(self, connection: psycopg.Connection[Any], patience_ms: int) -> None:
        self.committing = False
        """True once COMMIT may have happened: a lost answer then leaves the outcome unknown."""
        self._connection = connection
        self._patience_ms = patience_ms
        self._state = _State.OPEN

    def open(self, before_waiting: Callable[[], None] | None) -> Opening:
        """Begin, take the lock, read the head. `before_waiting` is called when another session
        seems to hold the lock.

        Raises:
            LedgerHeldError: the lock did not come in time.
        """
        pgconn = self._connection.pgconn
        pgconn.send_query(_OPEN % {b"patience": b"%d" % self._patience_ms})
        if before_waiting is not None:
            pgconn.flush()
            answer = select.poll()
            answer.register(pgconn.socket, select.POLLIN)
            if not answer.poll(PROMPT_MILLISECONDS):
                before_waiting()
        results = self._connection.wait(generators.execute(pgconn))
        _raise_failure(results)
        return checked_opening(_texts(results[-1]))

    def start(self) -> None:
        """Send COPY ahead of the rows; its response is read when the first rows are ready."""
        self._connection.pgconn.send_query(_COPY)
        self._connection.pgconn.flush()
        self._state = _State.STARTED

    def send(self, events: Sequence[Event]) -> None:
        """Send rows in order. The triggers run when all have been sent.

        Raises:
            SystemHaltedError, HeadMismatchError: as in `open`; the guard checks again.
        """
        self._expect_copy()
        lines = b"".join(map(copy_line, events))
        self._connection.wait(generators.copy_to(self._connection.pgconn, lines))

    def finish(self) -> None:
        """Wait until everything that was sent is durable.

        Raises:
            AppendRefusedError: a trigger found an event wrong, and nothing was written.
        """
        self._expect_copy()
        self.committing = True
        results = self._connection.wait(_end(self._connection.pgconn, None))
        self._state = _State.OPEN
        _raise_failure(results)

    def abandon(self) -> None:
        """Roll back whatever is not committed."""
        if self._state is _State.STARTED:
            with suppress(psycopg.Error):
                self._expect_copy()
        if self._state is _State.COPYING:
            self._connection.wait(_end(self._connection.pgconn, b"abandoned"))
        if self._connection.pgconn.transaction_status != pq.TransactionStatus.IDLE:
            self._connection.execute("ROLLBACK")

    def _expect_copy(self) -> None:
        if self._state is _State.STARTED:
            self._state = _State.OPEN
            _raise_failure(self._connection.wait(generators.execute(self._connection.pgconn)))
            self._state = _State.COPYING


class _State(Enum):
    OPEN = auto()
    STARTED = auto()
    COPYING = auto()


@contextmanager
def append_on(using: str, patience_ms: int) -> Iterator[PipelinedAppend]:
    """Start an append on the thread's own connection.

    `PipelinedAppend.finish` commits it; otherwise it is rolled back.

    Raises:
        InTransactionError: the connection is in a transaction of its own.
        SystemHaltedError: CT-11, the ledger is halted.
        HeadMismatchError: CT-13, the tail of `events` is not the head.
        LedgerConfigurationError: AC4, the drift threshold is missing.
        LedgerHeldError: another session holds the lock.
        LedgerUnavailableError: the database is away; the connection was closed.
    """
    wrapper = connections[using]
    if wrapper.in_atomic_block:
        raise InTransactionError("FR7: an append cannot be nested in another transaction")
    with _closed_when_lost(wrapper), named_errors(), wrapper.wrap_database_errors:
        wrapper.ensure_connection()
        append = PipelinedAppend(wrapper.connection, patience_ms)
        try:
            yield append
        except Exception:
            append.abandon()
            raise
        except BaseException:
            wrapper.close()  # interrupted: what the connection waits for is unknown
            raise
        append.abandon()


@contextmanager
def _closed_when_lost(wrapper: BaseDatabaseWrapper) -> Iterator[None]:
    """Close a connection that was lost or leads to a read-only server, so that the next attempt
    opens a new one. The server rolls back."""
    try:
        yield
    except LedgerUnavailableError:
        wrapper.close()
        raise


def copy_line(event: Event) -> bytes:
    """An event as a line of COPY's text format."""
    fields = [getattr(event, name) for name in INSERTED]
    if "\\" in fields[_PAYLOAD]:
        fields[_PAYLOAD] = fields[_PAYLOAD].replace("\\", "\\\\")
    for place in _NAMES:
        text = fields[place]
        if text is not None and ("\\" in text or not text.isprintable()):
            fields[place] = text.translate(_ESCAPES)
    return ("\t".join(["\\N" if field is None else str(field) for field in fields]) + "\n").encode()


def _end(pgconn: pq.abc.PGconn, error: bytes | None) -> PQGen[list[pq.abc.PGresult]]:
    """End the COPY and return the results of it and of the COMMIT."""
    while pgconn.put_copy_end(error) == 0:
        while not (yield Wait.W):
            continue
    results: list[pq.abc.PGresult] = yield from generators.execute(pgconn)
    return results


def _texts(result: pq.abc.PGresult) -> list[str | None]:
    """The first row as texts."""
    values = (result.get_value(0, column) for column in range(result.nfields))
    return [None if value is None else bytes(value).decode() for value in values]


def _raise_failure(results: Sequence[pq.abc.PGresult]) -> None:
    for result in results:
        if result.status == pq.ExecStatus.FATAL_ERROR:
            raise errors.error_from_result(result)
