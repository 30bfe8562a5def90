"""The two compared layouts of `events`: one table, and partitions by sequence range.

They are filled in a temporary cluster with rows of the same columns, indexes and width, without a
chain.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from auditportal.embedded import EmbeddedPostgres, EmbeddedPostgresError
from auditportal.embedded.location import find_place

RARE_AGENT, RARE_EVERY = "fire-alarm", 100_003
WARNED_EVERY = 100
AHEAD = 2
"""Empty ranges made ahead of need."""

COLUMNS = """
    event_id UUID NOT NULL, sequence BIGINT NOT NULL, event_type TEXT NOT NULL,
    payload JSONB NOT NULL, prev_hash TEXT NOT NULL, content_hash TEXT NOT NULL,
    signature TEXT NOT NULL, hash_alg_version SMALLINT NOT NULL DEFAULT 1,
    sig_alg_version SMALLINT NOT NULL DEFAULT 1, agent_id TEXT, witness_id TEXT NOT NULL,
    witness_signature TEXT NOT NULL, local_timestamp TIMESTAMPTZ NOT NULL,
    authority_timestamp TIMESTAMPTZ NOT NULL DEFAULT now(), signing_key_id TEXT NOT NULL,
    payload_hash TEXT NOT NULL, payload_salt TEXT NOT NULL
"""
# The unindexed columns of a row, with texts as long as the real ones.
POOL = """
CREATE TABLE pool AS
SELECT n,
       encode(sha256(int4send(n)), 'hex') AS prev_hash,
       encode(sha256(int4send(n + 1)), 'hex') AS content_hash,
       encode(sha256(int4send(n + 100000)), 'hex') AS payload_hash,
       encode(sha256(int4send(n + 200000)), 'hex') AS payload_salt,
       replace(encode(sha512(int4send(n)), 'base64'), E'\\n', '') AS signature,
       replace(encode(sha512(int4send(-n)), 'base64'), E'\\n', '') AS witness_signature,
       'agent-' || lpad((floor(20 * power((n * 7919 % 4096) / 4096.0, 3)))::int::text, 2, '0')
           AS agent_id,
       (ARRAY['door.opened', 'payslip.issued', 'backup.finished', 'login.succeeded'])[
           1 + floor(4 * power((n * 6007 % 4096) / 4096.0, 2))::int] AS event_type
FROM generate_series(0, 4095) n;
CREATE INDEX ON pool (n);
ANALYZE pool;
-- Half of the ids as the portal makes them, by time, and half as writers may send them, random.
CREATE FUNCTION id_of(g BIGINT) RETURNS UUID LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE WHEN g % 2 = 0 THEN md5(g::text)::uuid
    ELSE (lpad(to_hex(1760000000000 + g / 6), 12, '0') || '7' || substr(md5(g::text), 14, 3)
          || '8' || substr(md5(g::text), 18, 15))::uuid END;
CREATE FUNCTION time_of(g BIGINT) RETURNS TIMESTAMPTZ LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    '2025-10-09T00:00:00Z'::timestamptz + g * interval '160 microseconds';
"""
# A series in the select list is streamed; in FROM it would be written to disk first.
ROWS = """
SELECT id_of({id}), g, event_type, jsonb_build_object('number', g, 'subject', 'S-' || g % 5000),
       prev_hash, content_hash, signature, 1::smallint, 1::smallint,
       CASE WHEN g % {rare} = 0 THEN {rare_agent} ELSE agent_id END, 'WITNESS:alpha',
       witness_signature,
       time_of(g) + CASE WHEN g % {warned} = 0 THEN interval '10 minutes' ELSE interval '1 ms' END,
       time_of(g), 'portal-' || agent_id, payload_hash, payload_salt
FROM (SELECT generate_series({first}::bigint, {last}::bigint) AS g OFFSET 0) s
JOIN pool ON n = (g % 4096)::int
"""
IDS = "SELECT id_of(g), g FROM (SELECT generate_series({first}::bigint, {last}::bigint) g) s"
INDEXES = (
    "CREATE INDEX ON {table} (agent_id, sequence)",
    "CREATE INDEX ON {table} (event_type, sequence)",
    "CREATE INDEX ON {table} USING brin (authority_timestamp timestamptz_minmax_multi_ops)"
    " WITH (pages_per_range = 32)",
    "CREATE INDEX ON {table} USING brin (local_timestamp timestamptz_minmax_multi_ops)"
    " WITH (pages_per_range = 32)",
)
WARNINGS = """
CREATE TABLE clock_drift_warnings (
    id BIGSERIAL PRIMARY KEY, event_id UUID NOT NULL, local_timestamp TIMESTAMPTZ NOT NULL,
    authority_timestamp TIMESTAMPTZ NOT NULL, drift_seconds NUMERIC NOT NULL,
    logged_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
INSERT INTO clock_drift_warnings (event_id, local_timestamp, authority_timestamp, drift_seconds)
SELECT id_of(g), time_of(g) + interval '10 minutes', time_of(g), 600
FROM generate_series({warned}::bigint, {last}::bigint, {warned}) g;
CREATE INDEX ON clock_drift_warnings (event_id);
ALTER TABLE clock_drift_warnings ADD FOREIGN KEY (event_id) REFERENCES {holder} (event_id);
ANALYZE clock_drift_warnings;
"""


@dataclass(frozen=True)
class Shape:
    """One layout for `rows` events; `per_range` None means one table."""

    name: str
    rows: int
    per_range: int | None = None

    @property
    def holder(self) -> str:
        """The table whose key keeps `event_id` unique."""
        return "event_ids" if self.per_range else "events"

    @property
    def tables(self) -> list[str]:
        return ["events", "event_ids"] if self.per_range else ["events"]

    def ranges(self) -> Iterator[tuple[str, int, int]]:
        """The tables to fill, with first and last sequence of each."""
        size = self.per_range or self.rows
        for number, first in enumerate(range(1, self.rows + 1, size)):
            name = f"events_{number:03}" if self.per_range else "events"
            yield name, first, min(first + size - 1, self.rows)


@contextmanager
def connect(server: EmbeddedPostgres) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection."""
    with psycopg.connect(make_conninfo(**server.dsn()), autocommit=True) as connection:
        yield connection


def text(template: str, **values: str | int | sql.Composable) -> sql.Composed:
    """A statement with numbers as literals and names as identifiers; `id` is that of its row."""
    named = {name: _part(value) for name, value in values.items()}
    return sql.SQL(template).format(
        **{
            "id": sql.SQL("g"),
            "rare": sql.Literal(RARE_EVERY),
            "rare_agent": sql.Literal(RARE_AGENT),
            "warned": sql.Literal(WARNED_EVERY),
            **named,
        }
    )


def _part(value: str | int | sql.Composable) -> sql.Composable:
    if isinstance(value, sql.Composable):
        return value
    return sql.Literal(value) if isinstance(value, int) else sql.Identifier(value)


def make(server: EmbeddedPostgres, shape: Shape) -> None:
    """Create and fill the tables of a layout, with their indexes."""
    with connect(server) as connection:
        connection.execute(POOL)
        if shape.per_range:
            _make_ranges(server, connection, shape)
        else:
            with connection.transaction():
                connection.execute(text(f"CREATE TABLE events ({COLUMNS})"))
                _fill(server, connection, "events", ROWS, 1, shape.rows)
                connection.execute("ALTER TABLE events ADD PRIMARY KEY (event_id)")
                connection.execute("ALTER TABLE events ADD UNIQUE (sequence)")
                for index in INDEXES:
                    connection.execute(text(index, table="events"))
        connection.execute(text(WARNINGS, last=shape.rows, holder=shape.holder))
        connection.execute("CHECKPOINT")


def _make_ranges(
    server: EmbeddedPostgres, connection: psycopg.Connection[Any], shape: Shape
) -> None:
    size = shape.per_range or shape.rows
    connection.execute(
        text(
            f"CREATE TABLE events ({COLUMNS}, PRIMARY KEY (sequence)) PARTITION BY RANGE (sequence)"
        )
    )
    for index in INDEXES:
        connection.execute(text(index, table="events"))
    for table, first, last in shape.ranges():
        with connection.transaction():
            connection.execute(text(f"CREATE TABLE {{table}} ({COLUMNS})", table=table))
            _fill(server, connection, table, ROWS, first, last)
        connection.execute(text("ALTER TABLE {table} ADD PRIMARY KEY (sequence)", table=table))
        for index in INDEXES:
            connection.execute(text(index, table=table))
        _attach(connection, table, first, first + size)
    add_ranges(connection, shape, AHEAD)
    with connection.transaction():
        connection.execute(
            "CREATE TABLE event_ids (event_id UUID NOT NULL, sequence BIGINT NOT NULL)"
        )
        _fill(server, connection, "event_ids", IDS, 1, shape.rows)
        connection.execute("ALTER TABLE event_ids ADD PRIMARY KEY (event_id)")


def add_ranges(connection: psycopg.Connection[Any], shape: Shape, count: int) -> None:
    """Add empty ranges at the end."""
    size = shape.per_range or shape.rows
    row = connection.execute(
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass"
    ).fetchone()
    there = row[0] if row else 0
    for number in range(there, there + count):
        connection.execute(
            text(
                "CREATE TABLE {table} PARTITION OF events FOR VALUES FROM ({first}) TO ({end})",
                table=f"events_{number:03}",
                first=1 + number * size,
                end=1 + (number + 1) * size,
            )
        )


def _attach(connection: psycopg.Connection[Any], table: str, first: int, end: int) -> None:
    connection.execute(
        text(
            "ALTER TABLE events ATTACH PARTITION {table} FOR VALUES FROM ({first}) TO ({end})",
            table=table,
            first=first,
            end=end,
        )
    )


def _fill(
    server: EmbeddedPostgres,
    target: psycopg.Connection[Any],
    table: str,
    rows: str,
    first: int,
    last: int,
) -> None:
    """Copy rows from one backend to another through a pipe, frozen: like a table that autovacuum
    has processed, without writing every page twice."""
    pipe = _pipe(server)
    with connect(server) as source:
        source.execute("SET enable_mergejoin = off")
        query = text(rows, first=first, last=last)
        statement = sql.SQL("COPY ({}) TO {} (FORMAT binary)").format(query, sql.Literal(str(pipe)))
        giving = threading.Thread(target=source.execute, args=(statement,))
        giving.start()
        try:
            target.execute(
                sql.SQL("COPY {} FROM {} (FORMAT binary, FREEZE)").format(
                    sql.Identifier(table), sql.Literal(str(pipe))
                )
            )
        except BaseException:
            source.cancel()
            raise
        finally:
            giving.join()
            pipe.unlink()


def _pipe(server: EmbeddedPostgres) -> Path:
    place = find_place(server.home)
    if place is None:
        raise EmbeddedPostgresError(f"there is no database in {server.home} yet")
    pipe = place.folder / "rows"
    os.mkfifo(pipe, 0o600)
    os.chown(pipe, place.account.uid, place.account.gid)
    return pipe
