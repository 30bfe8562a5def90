"""Fills an unused ledger with many events quickly, with every trigger in force.

The chain needs only hashes, because `content_hash` does not cover the signatures. So one thread
gives every event its sequence number, salted payload hash and content hash; worker processes sign
and witness with the portal's key files; and the application's role copies the rows in order, a
thousand a statement. The triggers recompute each hash, check each key, and write the drift
warnings and one row of `appends` a statement. The database supplies the authority time of each
thousand. All of it is one transaction.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import secrets
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import django

from bench.play import AGENTS, Happening, play
from bench.signing import COLUMNS, Chained, open_keys, sign_rows
from events.format import event
from events.format.event import new_event_id
from events.format.timestamps import format_timestamp
from events.registrar import registrar

PER_STATEMENT = 1_000
"""As many as the largest batch over HTTP."""

COPY = f"COPY events ({', '.join(COLUMNS)}) FROM STDIN"


@dataclass
class Chain:
    """The current end of the chain, and the keys that its rows name."""

    keys: dict[str, str]
    witness_id: str
    sequence: int = 0
    content_hash: str = event.GENESIS_HASH

    def link(self, happening: Happening, authority: datetime, authority_text: str) -> Chained:
        """Assign an event its sequence number and hashes."""
        salt = secrets.token_bytes(event.SALT_BYTES)
        payload_hash = event.payload_hash(salt, happening.payload)
        local = format_timestamp(happening.local_time(authority))
        event_id, previous = new_event_id(), self.content_hash
        key_id = self.keys[happening.agent_id]
        self.sequence += 1
        signable = event.signable_content(
            agent_id=happening.agent_id,
            authority_timestamp=authority_text,
            event_id=event_id,
            event_type=happening.event_type,
            hash_alg_version=event.HASH_ALG_VERSION,
            local_timestamp=local,
            payload_hash=payload_hash,
            prev_hash=previous,
            sequence=self.sequence,
            sig_alg_version=event.SIG_ALG_VERSION,
            signing_key_id=key_id,
            witness_id=self.witness_id,
        )
        self.content_hash = event.content_hash(signable)
        columns = (
            event_id,
            happening.event_type,
            happening.payload.decode(),
            previous,
            self.content_hash,
            happening.agent_id,
            self.witness_id,
            local,
            authority_text,
            key_id,
            payload_hash,
            salt.hex(),
        )
        return Chained(key_id, self.witness_id, signable, columns)


def prepare() -> bool:
    """Migrate the database; True if agents have written to the ledger already."""
    from django.conf import settings
    from django.core.management import call_command

    from events.store.ledger import PostgresEventStore

    if not settings.PORTAL_EMBEDDED:
        sys.exit("fill: only an embedded database is filled; unset DATABASE_URL")
    call_command("migrate", verbosity=0, interactive=False)
    call_command("apply_grants", stdout=sys.stderr)
    call_command("ensure_keys", stdout=sys.stderr)
    return not PostgresEventStore().is_unused()


def fill(count: int) -> None:
    """Write `count` events into a ledger that no agent has written to."""
    from django.conf import settings
    from django.db import connections, transaction

    from events.append.services import witness_service
    from events.store.ledger import PostgresEventStore

    application, clock = connections["default"], connections["owner"]
    keys = {agent: registrar().create_key(agent) for agent in AGENTS}
    head = PostgresEventStore().head()
    witness_id = witness_service().attestor().witness_id
    chain = Chain(keys, witness_id, head.max_sequence, head.content_hash)
    with ExitStack() as stack:
        pool = stack.enter_context(
            ProcessPoolExecutor(
                os.cpu_count(),
                mp_context=multiprocessing.get_context("spawn"),
                initializer=open_keys,
                initargs=(settings.PORTAL_KEY_DIR,),
            )
        )
        stack.enter_context(transaction.atomic(using="default", durable=True))
        cursor = stack.enter_context(application.cursor())
        cursor.execute("SELECT open_append()")
        now = stack.enter_context(clock.cursor())
        for lines in _signed(pool, chain, play(count), now, count):
            with cursor.cursor.copy(COPY) as copy:
                copy.write(lines)
    with clock.cursor() as cursor:
        # Autovacuum would do this a little later.
        cursor.execute("VACUUM (ANALYZE) events, appends, clock_drift_warnings")


def _signed(
    pool: ProcessPoolExecutor, chain: Chain, happenings: Iterator[Happening], now: Any, count: int
) -> Iterator[bytes]:
    """The lines to copy, in order. The workers stay a few blocks ahead."""
    under_way: deque[Future[bytes]] = deque()
    began, done = time.monotonic(), 0
    while block := list(islice(happenings, PER_STATEMENT)):
        now.execute("SELECT clock_timestamp()")
        authority: datetime = now.fetchone()[0]
        text = format_timestamp(authority)
        rows = [chain.link(happening, authority, text) for happening in block]
        under_way.append(pool.submit(sign_rows, rows))
        if len(under_way) > 4 * (os.cpu_count() or 1):
            yield under_way.popleft().result()
        done += len(block)
        _report(done, count, began)
    while under_way:
        yield under_way.popleft().result()


def _report(done: int, count: int, began: float) -> None:
    if done % 50_000 == 0 or done == count:
        rate = done / (time.monotonic() - began)
        sys.stderr.write(f"{done:,} of {count:,} events, {rate:,.0f} a second\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a large, honest ledger.")
    parser.add_argument("--events", type=int, default=5_000_000)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "auditportal.settings")
    parser.add_argument("--unless-filled", action="store_true", help="leave a ledger as it is")
    options = parser.parse_args()
    os.environ.setdefault("PORTAL_LOG_LEVEL", "ERROR")
    django.setup()
    if prepare():
        if options.unless_filled:
            return
        sys.exit("fill: the ledger is not empty; give PORTAL_HOME an empty folder")
    began = time.monotonic()
    fill(options.events)
    seconds = time.monotonic() - began
    sys.stdout.write(f"{options.events:,} events in {seconds:,.0f} s\n")


if __name__ == "__main__":
    main()
