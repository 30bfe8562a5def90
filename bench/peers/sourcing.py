"""The recorder of `eventsourcing`, with and without its database functions.

It gets a connection for each caller, and its defaults otherwise.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from bench.peers import Write
from bench.play import Happening
from events.format.event import new_event_id


class Sourcing:
    """Its table lock, its notification and its INSERT in one pipelined transaction."""

    functions = False
    table = "es_events"

    def __init__(self, dsn: dict[str, str]) -> None:
        self.dsn = dsn
        self._recorder: Any = None

    def install(self) -> None:
        with self.opened(1):
            self._recorder.create_table()

    @contextmanager
    def opened(self, callers: int) -> Iterator[None]:
        datastore = PostgresDatastore(
            **self.dsn,
            password="",
            pool_size=callers,
            schema=self.table,
            enable_db_functions=self.functions,
        )
        with psycopg.connect(**self.dsn, autocommit=True) as connection:  # type: ignore[arg-type]
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {self.table}")
        with datastore:
            self._recorder = PostgresApplicationRecorder(datastore)
            yield

    @contextmanager
    def caller(self) -> Iterator[Write]:
        recorder = self._recorder

        def write(happenings: Sequence[Happening]) -> None:
            originator = uuid.UUID(new_event_id())
            recorder.insert_events(
                [
                    StoredEvent(originator, version, one.event_type, one.payload)
                    for version, one in enumerate(happenings)
                ]
            )

        yield write

    def rows(self) -> int:
        with psycopg.connect(**self.dsn) as connection:  # type: ignore[arg-type]
            row = connection.execute(
                f"SELECT count(*) FROM {self.table}.stored_events"  # noqa: S608 - a constant
            ).fetchone()
        return int(row[0]) if row else 0


class WithFunctions(Sourcing):
    """One call of its function, without a table lock."""

    functions = True
    table = "es_functions"
