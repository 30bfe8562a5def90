"""kill -9 of PostgreSQL under load, on a durable server: every acknowledged event is there.

Every wait has a timeout: a server or a writer that hangs is a failure.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import Client
from pytest_django import DjangoDbBlocker

from auditportal.embedded import EmbeddedPostgres
from events.append.queue import AppendQueue
from events.append.services import writer
from events.errors import LedgerHeldError
from events.format.event import Event
from events.halting import halt
from events.store import locks
from events.store.connection import LedgerUnavailableError
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import Ledger, point_at, put_keys_into, submission

WRITERS, KILLS, BETWEEN_KILLS = 4, 3, 40
PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 0.05


@pytest.fixture
def durable(
    django_db_blocker: DjangoDbBlocker, settings: pytest.FixtureRequest
) -> Iterator[Ledger]:
    """A ledger on a server of its own that flushes every commit to disk."""
    home = Path(tempfile.mkdtemp(prefix="auditportal-crash-"))
    home.chmod(0o755)
    server = EmbeddedPostgres(home)
    settings.PORTAL_KEY_DIR = home / "keys"  # type: ignore[attr-defined]
    try:
        server.start()
        with django_db_blocker.unblock():
            point_at(server, "portal")
            call_command("migrate", verbosity=0)
            call_command("apply_grants", verbosity=0)
            put_keys_into(home / "keys")
            yield Ledger(server, "portal")
            connections.close_all()
    finally:
        server.remove()
        shutil.rmtree(home)


class Load:
    """Writers that send each event until it is acknowledged, and what was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: list[Event] = []
        self.lost_connections = 0
        self.changed = threading.Condition()
        self.stopped = threading.Event()

    def write(self) -> None:
        try:
            number = 0
            while not self.stopped.is_set():
                self._write_until_acknowledged(str(uuid4()), number)
                number += 1
        finally:
            connections.close_all()

    def wait_for(self, more: int) -> None:
        """Until that many more events are acknowledged."""
        with self.changed:
            goal = len(self.acknowledged) + more
            assert self.changed.wait_for(
                lambda: len(self.acknowledged) >= goal, timeout=PATIENCE_SECONDS
            ), "the writers do not get on"

    def _write_until_acknowledged(self, event_id: str, number: int) -> None:
        event = submission(number=number, event_id=event_id)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                appended = writer().write_event(event).event
            except LedgerUnavailableError:
                assert time.monotonic() < deadline, "the ledger does not come back"
                with self.changed:
                    self.lost_connections += 1
                time.sleep(RETRY_SECONDS)  # until the server is back, not to provoke a race
                continue
            with self.changed:
                self.acknowledged.append(appended)
                self.changed.notify_all()
            return


@pytest.mark.timeout(240)
def test_every_acknowledged_event_survives_killed_servers(durable: Ledger) -> None:
    load = Load()
    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(load.write) for _ in range(WRITERS)]
        try:
            for _ in range(KILLS):
                load.wait_for(BETWEEN_KILLS)
                durable.server.kill()
                durable.server.start()
            load.wait_for(BETWEEN_KILLS)
        finally:
            load.stopped.set()
        for future in writers:
            future.result(timeout=PATIENCE_SECONDS)
    assert load.lost_connections >= KILLS
    connections.close_all()  # this thread's own is of the first server
    # Every writer got its last event acknowledged, so the ledger holds those and no other: an
    # event that was committed without an answer was found again by its event_id.
    events = assert_intact(durable, len(load.acknowledged))
    answered = {(e.sequence, e.event_id, e.content_hash) for e in load.acknowledged}
    assert answered == {(e.sequence, e.event_id, e.content_hash) for e in events}


@pytest.mark.timeout(120)
def test_a_server_that_is_away_is_named_and_nothing_is_written(durable: Ledger) -> None:
    durable.write(2)
    durable.server.kill()
    for _ in range(2):
        with pytest.raises(LedgerUnavailableError, match="the database is not available: "):
            durable.write(1)
    with pytest.raises(LedgerUnavailableError):
        durable.store.head()
    durable.server.start()
    assert durable.write(1)[0].sequence == 6
    assert_intact(durable, 3)


FORGOTTEN = "prepared transaction 'forgotten' of role portal_app"
WEAKENED = {
    "role": "ALTER ROLE portal_app SET synchronous_commit = off",
    "role in the database": "ALTER ROLE portal_app IN DATABASE portal SET synchronous_commit = off",
    "database": "ALTER DATABASE portal SET synchronous_commit = off",
    "server": "ALTER SYSTEM SET synchronous_commit = off",
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("place", WEAKENED)
def test_acknowledged_events_are_on_disk_whatever_synchronous_commit_says(
    durable: Ledger, place: str
) -> None:
    """The log is written by commits alone: its own writer comes by every ten seconds."""
    with durable.connect("postgres") as superuser:
        superuser.execute(WEAKENED[place].encode())
        superuser.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        superuser.execute("SELECT pg_reload_conf()")
    connections.close_all()
    durable.server.stop()
    durable.server.start()
    gathered = AppendQueue(writer())
    with ThreadPoolExecutor(WRITERS) as pool:
        load = [pool.submit(_acknowledged, gathered, 25) for _ in range(WRITERS)]
        acknowledged = [event for written in load for event in written.result(PATIENCE_SECONDS)]
    acknowledged += durable.write(3)
    durable.server.kill()
    durable.server.start()
    gathered.close()
    connections.close_all()
    events = assert_intact(durable, len(acknowledged))
    assert {e.content_hash for e in events} == {e.content_hash for e in acknowledged}


def _acknowledged(gathered: AppendQueue, count: int) -> list[Event]:
    try:
        return [gathered.write_event(submission(number=n)).event for n in range(count)]
    finally:
        connections.close_all()


@pytest.mark.timeout(120)
def test_a_forgotten_prepared_transaction_is_named(
    durable: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no process, and outlives the server."""
    with durable.connect("postgres") as superuser:
        superuser.execute("ALTER SYSTEM SET max_prepared_transactions = 2")
    connections.close_all()
    durable.server.stop()
    durable.server.start()
    with durable.connect() as app:
        app.execute("BEGIN; SELECT open_append(); PREPARE TRANSACTION 'forgotten'")
    with pytest.raises(LedgerHeldError, match=FORGOTTEN):
        durable.write()
    connections.close_all()
    durable.server.kill()
    durable.server.start()
    with pytest.raises(LedgerHeldError, match=FORGOTTEN):
        durable.write()
    monkeypatch.setattr(locks, "HELD_SECONDS", 0.5)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["lock_holder"]["gid"]) == (503, "forgotten")
    assert b'lock_held_seconds{gid="forgotten",pid=""}' in Client().get("/metrics").content
    assert halt(writer(), reason="a test", by="keeper").is_new
    with durable.connect() as app:
        app.execute("ROLLBACK PREPARED 'forgotten'")
    assert durable.written() == []
