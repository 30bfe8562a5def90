"""The ledger itself, and a bare COPY as reference for its batches.

Both use the application's role with every trigger in force.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import django

from bench.peers import Write, nothing
from bench.play import AGENTS, Happening
from events.registrar import registrar

if TYPE_CHECKING:
    from bench.fill import Chain


class Ours:
    """`shared_writer()`, as a server's threads use it."""

    def __init__(self, dsn: dict[str, str]) -> None:
        self.opened = nothing
        os.environ["DJANGO_SETTINGS_MODULE"] = "auditportal.settings"
        os.environ["PORTAL_LOG_LEVEL"] = "ERROR"
        django.setup()

    def install(self) -> None:
        from bench.fill import prepare

        prepare()
        for agent in AGENTS:
            registrar().create_key(agent)

    @contextmanager
    def caller(self) -> Iterator[Write]:
        from django.db import connections

        from events.append.services import shared_writer
        from events.submission import Submission

        writer = shared_writer()

        def write(happenings: Sequence[Happening]) -> None:
            now = datetime.now(UTC)
            submissions = [
                Submission(one.event_type, one.payload, one.agent_id, one.local_time(now))
                for one in happenings
            ]
            if len(submissions) == 1:
                writer.write_event(submissions[0])
            else:
                writer.write_events(submissions)

        try:
            yield write
        finally:
            connections.close_all()

    def rows(self) -> int:
        from django.db import connections

        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM events WHERE agent_id IS NOT NULL")
            count = int(cursor.fetchone()[0])
        connections.close_all()
        return count


class Second(Ours):
    """Another process that writes to the same ledger."""

    def install(self) -> None:
        """The first has made everything."""


class Copy(Second):
    """Copies rows chained and signed beforehand. Sequence and authority time are known only under
    the lock, so the rows are made in the open transaction; only COPY and commit are timed."""

    @contextmanager
    def caller(self) -> Iterator[Write]:
        from django.conf import settings
        from django.db import connections

        from bench.fill import Chain
        from bench.signing import open_keys
        from events.append.services import signing_service, witness_service

        open_keys(Path(settings.PORTAL_KEY_DIR))
        keys = {str(agent): s.key_id for agent, s in signing_service().signers(AGENTS).items()}
        chain = Chain(keys, witness_service().attestor().witness_id)
        try:
            yield lambda happenings: _copied(chain, happenings)
        finally:
            connections.close_all()


def _copied(chain: Chain, happenings: Sequence[Happening]) -> float:
    """Append the events; the seconds of COPY and commit."""
    from django.db import connections, transaction

    from bench.fill import COPY
    from bench.signing import sign_rows
    from events.format.timestamps import parse_timestamp
    from events.store.append import open_append

    with transaction.atomic(using="default", durable=True):
        opening = open_append("default")
        chain.sequence, chain.content_hash = opening.last_sequence, opening.content_hash
        text = opening.authority_timestamp
        authority = parse_timestamp(text)
        lines = sign_rows([chain.link(one, authority, text) for one in happenings])
        began = time.perf_counter()
        with connections["default"].cursor() as cursor, cursor.cursor.copy(COPY) as copy:
            copy.write(lines)
    return time.perf_counter() - began
