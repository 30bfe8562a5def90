"""The floor: one row, one INSERT, one transaction with psycopg; no chain, signature or check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg

from bench.peers import Write, nothing
from bench.play import Happening
from events.format.event import new_event_id

TABLE = """
CREATE TABLE plain_events (
    event_id UUID PRIMARY KEY, sequence BIGSERIAL UNIQUE NOT NULL, event_type TEXT NOT NULL,
    payload JSONB NOT NULL, prev_hash TEXT NOT NULL, content_hash TEXT NOT NULL,
    signature TEXT NOT NULL, hash_alg_version SMALLINT NOT NULL DEFAULT 1,
    sig_alg_version SMALLINT NOT NULL DEFAULT 1, agent_id TEXT, witness_id TEXT NOT NULL,
    witness_signature TEXT NOT NULL, local_timestamp TIMESTAMPTZ NOT NULL,
    authority_timestamp TIMESTAMPTZ NOT NULL DEFAULT now(), signing_key_id TEXT NOT NULL,
    payload_hash TEXT NOT NULL, payload_salt TEXT NOT NULL)
"""
INSERT = """
INSERT INTO plain_events (event_id, event_type, payload, prev_hash, content_hash, signature,
    agent_id, witness_id, witness_signature, local_timestamp, signing_key_id, payload_hash,
    payload_salt)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
HASH, SIGNATURE = "0" * 64, "A" * 86 + "=="


class Plain:
    """The columns of `events` in their types, its primary key and its unique sequence."""

    def __init__(self, dsn: dict[str, str]) -> None:
        self.dsn = dsn
        self.opened = nothing

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(**self.dsn, autocommit=True)  # type: ignore[arg-type]

    def install(self) -> None:
        with self._connect() as connection:
            connection.execute(TABLE)

    @contextmanager
    def caller(self) -> Iterator[Write]:
        with self._connect() as connection:

            def write(happenings: Sequence[Happening]) -> None:
                for one in happenings:
                    connection.execute(INSERT, _values(one))

            yield write

    def rows(self) -> int:
        with self._connect() as connection:
            row = connection.execute("SELECT count(*) FROM plain_events").fetchone()
        return int(row[0]) if row else 0


def _values(one: Happening) -> tuple[Any, ...]:
    local = one.local_time(datetime.now(UTC))
    return (
        new_event_id(), one.event_type, one.payload.decode(), HASH, HASH, SIGNATURE, one.agent_id,
        "WITNESS:bench", SIGNATURE, local, "key", HASH, HASH,
    )  # fmt: skip
