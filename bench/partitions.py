"""Compares one `events` table with partitions by sequence range; writes to `bench/README.md`.

    python -m bench.partitions --rows 50000000 --write

Three fillings in turn, each removed before the next: a small plain table, the plain table at size,
and the same rows in partitions with a separate table that keeps `event_id` unique. There are no
triggers and checks: this measures the table layout, not the chain.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from auditportal.embedded import EmbeddedPostgres
from bench import table
from bench.partition_shapes import (
    RARE_AGENT,
    ROWS,
    WARNED_EVERY,
    Shape,
    add_ranges,
    connect,
    make,
    text,
)

BYTES_PER_ROW = 1_000
"""Size of one event on disk with its indexes, rounded up."""

FULL_DISK = 0.9
LOADING = {
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "maintenance_work_mem": "1500MB",
    "autovacuum": "off",
}
RUNS, PLACES, LOOKS = 15, 200, 3
SINGLE, UNFLUSHED, BATCHES, BATCH = 500, 5_000, 40, 1_000
LEAST = 500_000
MANY = 100
"""Ranges at which planning is measured once more."""

RANGE = "SELECT * FROM events WHERE sequence BETWEEN {first} AND {last} ORDER BY sequence"
END = "SELECT sequence, content_hash FROM events ORDER BY sequence DESC LIMIT 1"
AGENT = (
    "SELECT * FROM events WHERE agent_id = {agent} AND sequence > {first}"
    " ORDER BY sequence LIMIT 100"
)
BY_ID = {
    "events": "SELECT * FROM events WHERE event_id = id_of({first})",
    "event_ids": (
        "SELECT e.* FROM event_ids i JOIN events e USING (sequence)"
        " WHERE i.event_id = id_of({first})"
    ),
}
DRIFT = {
    "events": (
        "SELECT w.*, e.sequence, e.agent_id FROM clock_drift_warnings w"
        " JOIN events e USING (event_id)"
        " WHERE w.id > {first} ORDER BY w.id LIMIT 1000"
    ),
    "event_ids": (
        "SELECT w.*, e.sequence, e.agent_id FROM clock_drift_warnings w"
        " JOIN event_ids i USING (event_id) JOIN events e ON e.sequence = i.sequence"
        " WHERE w.id > {first} ORDER BY w.id LIMIT 1000"
    ),
}
GAPS = (
    "SELECT (sequence - 1) / 4096, min(sequence), max(sequence), count(*) FROM events GROUP BY 1"
    " HAVING count(*) <> max(sequence) - min(sequence) + 1"
)
ADD = f"INSERT INTO events {ROWS}"
INSERT = {
    "events": ADD,
    "event_ids": (
        f"WITH added AS ({ADD} RETURNING event_id, sequence)"  # noqa: S608 - a constant
        " INSERT INTO event_ids SELECT event_id, sequence FROM added"
    ),
}
IDS_TO_APPEND = {"ids by time": "2 * g + 1", "random ids": "2 * g"}
"""As the portal makes them, and as writers may; by the parity that `id_of` tells them by."""

WRITTEN = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"

_SUM = (
    "SELECT sum({}(c.oid)) FROM pg_class c"
    " LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = 'events'::regclass"
    " WHERE c.relkind = 'r' AND (c.relname = ANY (%s) OR i.inhparent IS NOT NULL)"
)
SIZES = {
    "rows, GB": _SUM.format("pg_table_size"),
    "indexes, GB": _SUM.format("pg_indexes_size"),
}

Figures = dict[str, float]
Query = sql.SQL | sql.Composed


class Measurement:
    """One filled layout and its figures by name."""

    def __init__(self, server: EmbeddedPostgres, shape: Shape) -> None:
        self.server, self.shape = server, shape
        self.figures: Figures = {}
        self.chance = random.Random(shape.rows)  # noqa: S311 - places to read, no secret
        self.next = shape.rows + 1

    def take(self) -> Figures:
        """Every figure, what is written last."""
        with connect(self.server) as connection:
            self._sizes(connection)
            self._planning(connection)
            self._reading(connection)
            self._appending(connection)
            self._keeping(connection)
            if self.shape.per_range:
                add_ranges(connection, self.shape, MANY - self._ranges(connection))
                self._planning(connection, f", {MANY} ranges")
        return self.figures

    def note(self, name: str, value: float) -> None:
        self.figures[name] = value
        sys.stderr.write(f"  {self.shape.name}: {name}: {value:,.3f}\n")

    def _sizes(self, connection: psycopg.Connection[Any]) -> None:
        for name, query in SIZES.items():
            size = _one(connection, query, self.shape.tables)
            self.note(name, float(size) / 1e9)

    def _planning(self, connection: psycopg.Connection[Any], where: str = "") -> None:
        middle = self.shape.rows // 2
        for name, query in {
            "a range": text(RANGE, first=middle, last=middle + 999),
            "an agent's page": _agent(RARE_AGENT, middle),
            "the end": sql.SQL(END),
        }.items():
            statement = sql.SQL("EXPLAIN (SUMMARY, FORMAT JSON) {}").format(query)
            times = [_one(connection, statement)[0]["Planning Time"] for _ in range(RUNS)]
            self.note(f"planning {name}{where}, ms", statistics.median(times))

    def _reading(self, connection: psycopg.Connection[Any]) -> None:
        rows, holder = self.shape.rows, self.shape.holder
        for name, first in (("first", 1), ("middle", rows // 2), ("last", rows - 999)):
            times = [_read(connection, _range(first)) for _ in range(RUNS)]
            self.note(f"1,000 {name}, best, ms", min(times))
        self._query(connection, "1,000 anywhere, ms", lambda place: _range(min(place, rows - 999)))
        self._query(connection, "by event_id, ms", lambda place: text(BY_ID[holder], first=place))
        self._query(connection, "a busy agent's page, ms", lambda place: _agent("agent-00", place))
        self._query(
            connection, "a rare agent's page, ms", lambda place: _agent(RARE_AGENT, place // 10)
        )
        self._query(connection, "the end, ms", lambda _: sql.SQL(END))
        self._query(
            connection,
            "1,000 drift warnings, ms",
            lambda place: text(DRIFT[holder], first=place // WARNED_EVERY // 2),
        )
        times = [_read(connection, sql.SQL(GAPS)) for _ in range(LOOKS)]
        self.note("every number looked at, best, ms", min(times))

    def _query(
        self, connection: psycopg.Connection[Any], name: str, query: Callable[[int], Query]
    ) -> None:
        """The median over places anywhere, most of which no cache holds."""
        places = [self.chance.randrange(1, self.shape.rows) for _ in range(PLACES)]
        times = [_read(connection, query(place)) for place in places]
        self.note(name, statistics.median(times))

    def _appending(self, connection: psycopg.Connection[Any]) -> None:
        for name, event_id in IDS_TO_APPEND.items():
            insert = text(
                INSERT[self.shape.holder],
                first=sql.SQL("$1"),
                last=sql.SQL("$2"),
                id=sql.SQL(event_id),
            )
            connection.execute(text("PREPARE {name} AS ", name=name) + insert)
        by_time, _ = IDS_TO_APPEND
        self.note("one append, flushed, us", self._append(connection, by_time, SINGLE, 1))
        connection.execute("SET synchronous_commit = off")
        self.note("one append, not flushed, us", self._append(connection, by_time, UNFLUSHED, 1))
        connection.execute("SET synchronous_commit = on")
        for name in IDS_TO_APPEND:
            began = _one(connection, WRITTEN)
            spent = self._append(connection, name, BATCHES, BATCH)
            written = float(_one(connection, WRITTEN) - began)
            self.note(f"an event in batches of 1,000, {name}, us", spent / BATCH)
            self.note(f"its WAL, {name}, bytes", written / (BATCHES * BATCH))

    def _append(
        self, connection: psycopg.Connection[Any], name: str, times: int, rows: int
    ) -> float:
        """Microseconds of one append of `rows` events, the median."""
        spents = []
        for _ in range(times):
            first, self.next = self.next, self.next + rows
            statement = text(
                "EXECUTE {name} ({first}, {last})", name=name, first=first, last=self.next - 1
            )
            with clocked() as spent:
                connection.execute(statement)
            spents.append(spent())
        return 1000 * statistics.median(spents)

    def _keeping(self, connection: psycopg.Connection[Any]) -> None:
        for task in ("VACUUM", "ANALYZE"):
            with clocked() as spent:
                for table in self.shape.tables:
                    connection.execute(text(f"{task} {{table}}", table=table))
            self.note(f"{task} after the appends, s", spent() / 1000)

    def _ranges(self, connection: psycopg.Connection[Any]) -> int:
        return int(
            _one(
                connection, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass"
            )
        )


@contextmanager
def clocked() -> Iterator[Callable[[], float]]:
    """Yields the milliseconds that the block took, available when it has ended."""
    began = time.perf_counter()
    ended = [began]
    yield lambda: (ended[0] - began) * 1000
    ended[0] = time.perf_counter()


def _read(connection: psycopg.Connection[Any], query: Query) -> float:
    """Milliseconds until every row has been received."""
    with clocked() as spent:
        connection.execute(query, binary=True).fetchall()
    return spent()


def _one(connection: psycopg.Connection[Any], statement: Any, *parameters: Any) -> Any:
    row = connection.execute(statement, parameters or None).fetchone()
    return row[0] if row else None


def _range(first: int) -> sql.Composed:
    return text(RANGE, first=first, last=first + 999)


def _agent(agent: str, first: int) -> sql.Composed:
    return sql.SQL(AGENT).format(agent=sql.Literal(agent), first=sql.Literal(first))


def measure(parent: Path, shape: Shape) -> Figures:
    """Create a cluster, fill it, measure, and remove it."""
    home = Path(tempfile.mkdtemp(prefix="auditportal-partitions-", dir=parent))
    home.chmod(0o755)  # the database runs as another user when we are root
    server = EmbeddedPostgres(home, fsync=False)
    try:
        server.start()
        _configure(server, LOADING)
        with clocked() as spent:
            make(server, shape)
        loaded = spent() / 1000
        _configure(server, {})
        server.stop()
        server = EmbeddedPostgres(home)
        server.start()
        measurement = Measurement(server, shape)
        measurement.note("filling, s", loaded)
        return measurement.take()
    finally:
        server.remove()
        shutil.rmtree(home)


def _configure(server: EmbeddedPostgres, settings: dict[str, str]) -> None:
    """Restart with exactly these settings."""
    with connect(server) as connection:
        connection.execute("ALTER SYSTEM RESET ALL")
        for name, value in settings.items():
            connection.execute(
                sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
            )
    server.stop()
    server.start()


def affordable(rows: int, parent: Path) -> int:
    """The number of rows that leaves a tenth of the disk free."""
    usage = shutil.disk_usage(parent)
    room = usage.free - (1 - FULL_DISK) * (usage.used + usage.free)
    most = max(int(room / BYTES_PER_ROW), 0)
    if most < rows:
        sys.stderr.write(f"partitions: the disk has room for {most:,} rows only\n")
    return min(rows, most)


def report(results: dict[str, Figures]) -> str:
    """The table as Markdown, a column a shape."""
    names = list(results)
    first = results[names[0]]
    figures = [*first, *(name for name in results[names[-1]] if name not in first)]
    lines = [
        f"| | {' | '.join(names)} |",
        "|---|" + "---:|" * len(names),
    ]
    for figure in figures:
        cells = (_cell(results[name].get(figure)) for name in names)
        lines.append(f"| {figure} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare one table of events with partitions.")
    parser.add_argument("--rows", type=int, default=50_000_000, help="events at size")
    parser.add_argument("--per-range", type=int, help="events a partition (a tenth of the rows)")
    parser.add_argument(
        "--home", type=Path, default=Path(tempfile.gettempdir()), help="a roomy folder"
    )
    parser.add_argument("--write", action="store_true", help="put the table into bench/README.md")
    options = parser.parse_args()
    if options.rows < LEAST:
        parser.error(f"--rows must be {LEAST:,} or more: what is appended fills small ranges")
    rows = affordable(options.rows, options.home)
    small, per_range = rows // 10, options.per_range or rows // 10
    results = {}
    for shape in (
        Shape(f"one table, {small:,}", small),
        Shape(f"one table, {rows:,}", rows),
        Shape(f"{-(-rows // per_range)} ranges, {rows:,}", rows, per_range),
    ):
        results[shape.name] = measure(options.home, shape)
        sys.stderr.write(json.dumps(results[shape.name]) + "\n")
    text = report(results)
    sys.stdout.write(text + "\n")
    if options.write:
        table.write("partitions", "One table, or ranges of the sequence", text)


if __name__ == "__main__":
    main()
