"""Measures the cost of each index of `events` per append, on a copy of the ledger's rows.

The copy lies in a separate schema, which is dropped at the end, and has no triggers and no
signatures: it measures the table with one index or none. The ledger is the embedded one in
PORTAL_HOME, written by `bench.fill`; 200,000 events suffice.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django

BATCH, BATCHES, SINGLES = 1_000, 60, 4_000

INDEXES = """
SELECT i.relname, replace(pg_get_indexdef(i.oid), ' ON public.events ', ' ON bench.copy ')
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = 'public.events'::regclass ORDER BY x.indexrelid
"""

INSERT = """
INSERT INTO bench.copy
SELECT gen_random_uuid(), sequence + %s, event_type, payload, prev_hash, content_hash, signature,
    hash_alg_version, sig_alg_version, agent_id, witness_id, witness_signature, local_timestamp,
    clock_timestamp(), signing_key_id, payload_hash, payload_salt
FROM public.events WHERE sequence BETWEEN %s AND %s
"""


class Copy:
    """The copied rows, and the end of what was appended."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.first_free = 0
        (self.length,) = connection.execute("SELECT max(sequence) FROM events").fetchone()

    def measure(self) -> tuple[float, float]:
        """Microseconds an event, appended by itself and in batches, at the second decile: other
        work on the machine can only add."""
        self.first_free += self.length
        batches = [self._append(n * BATCH + 1, BATCH) for n in range(BATCHES)]
        with self.connection.transaction():  # a commit would cost more than an index
            singles = [self._append(BATCHES * BATCH + n + 1, 1) for n in range(SINGLES)]
        single, batch = (statistics.quantiles(times, n=10)[1] for times in (singles, batches))
        return single * 1e6, batch * 1e6 / BATCH

    def _append(self, start: int, count: int) -> float:
        began = time.perf_counter()
        self.connection.execute(INSERT, [self.first_free, start, start + count - 1])
        return time.perf_counter() - began


@contextmanager
def copy() -> Iterator[Copy]:
    """Copy the ledger without any index."""
    import psycopg
    from django.db import connections
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    owner = connections["owner"]
    owner.ensure_connection()
    place: dict[str, Any] = conninfo_to_dict(owner.connection.info.dsn) | {"user": "postgres"}
    with psycopg.connect(make_conninfo(**place), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA bench")
        try:
            connection.execute("CREATE TABLE bench.copy AS SELECT * FROM events")
            connection.execute("ALTER TABLE bench.copy SET (autovacuum_enabled = off)")
            yield Copy(connection)
        finally:
            connection.execute("DROP SCHEMA bench CASCADE")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "auditportal.settings")
    os.environ.setdefault("PORTAL_LOG_LEVEL", "ERROR")
    django.setup()
    with copy() as rows:
        if rows.length is None or rows.length < 2 * BATCH * BATCHES:
            sys.exit(f"indexes: fewer than {2 * BATCH * BATCHES:,} events; run bench.fill first")
        rows.measure()
        sys.stdout.write("| index | single, µs | in batches, µs an event |\n|---|---:|---:|\n")
        for name, definition in rows.connection.execute(INDEXES).fetchall():
            rows.connection.execute(definition)
            rows.connection.execute("CHECKPOINT")
            one, many = rows.measure()
            rows.connection.execute(f'DROP INDEX bench."{name}"')
            bare_one, bare_many = rows.measure()
            sys.stdout.write(f"| `{name}` | {one - bare_one:.1f} | {many - bare_many:.1f} |\n")


if __name__ == "__main__":
    main()
