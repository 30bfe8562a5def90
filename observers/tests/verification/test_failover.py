"""A primary dies and its standby takes over: writers hear 503 until then, and lose nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import Client
from pytest_django import DjangoDbBlocker, Settings

from auditportal.embedded import EmbeddedPostgres
from events.store.connection import LedgerUnavailableError
from events.tests.append.test_server_that_takes_no_writes import PATIENCE_SECONDS, Load
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import OPENING, Ledger, point_at, put_keys_into
from observers.tests.support.replica import Replica


@pytest.fixture
def primary(
    django_db_blocker: DjangoDbBlocker, settings: Settings, tmp_path: Path
) -> Iterator[Ledger]:
    """A ledger on a server of its own."""
    home = Path(tempfile.mkdtemp(prefix="auditportal-failover-"))
    home.chmod(0o755)
    server = EmbeddedPostgres(home, fsync=False)
    settings.PORTAL_KEY_DIR = tmp_path / "keys"
    options = {alias: dict(connections[alias].settings_dict["OPTIONS"]) for alias in connections}
    try:
        server.start()
        with django_db_blocker.unblock():
            point_at(server, "portal")
            call_command("migrate", verbosity=0)
            call_command("apply_grants", verbosity=0)
            put_keys_into(tmp_path / "keys")
            yield Ledger(server, "portal")
            connections.close_all()
    finally:
        for alias, before in options.items():
            connections[alias].settings_dict["OPTIONS"] = before
        server.remove()
        shutil.rmtree(home)


@pytest.fixture
def standby(primary: Ledger) -> Iterator[Replica]:
    """It has every commit that was answered: the primary waits for it."""
    standby = Replica(primary.server)
    try:
        standby.make()
        with primary.connect("postgres") as superuser:
            superuser.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            superuser.execute("SELECT pg_reload_conf()")
        yield standby
    finally:
        standby.remove()


def lead_to(*servers: EmbeddedPostgres, **options: str) -> None:
    """Send every alias to the first of these that will do."""
    connections.close_all()
    for alias in connections:
        place = connections[alias].settings_dict
        place["HOST"] = ",".join(server.dsn()["host"] for server in servers)
        place["PORT"] = ",".join(server.dsn()["port"] for server in servers)
        place["OPTIONS"] |= options


@pytest.mark.timeout(240)
def test_a_standby_promoted_under_load_has_all_acknowledged_events(
    primary: Ledger, standby: Replica
) -> None:
    lead_to(primary.server, standby.server, target_session_attrs="read-write")
    load = Load()
    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(load.write) for _ in range(4)]
        try:
            load.wait_until(more=30, refused=0)
            primary.server.kill()
            load.wait_until(more=0, refused=4)
            assert Client().get("/readyz").status_code == 503
            standby.query("SELECT pg_promote()")
            load.wait_until(more=30, refused=0)
        finally:
            load.stopped.set()
        for future in writers:
            future.result(PATIENCE_SECONDS)
    load.gathered.close()
    connections.close_all()
    assert Client().get("/readyz").status_code == 200
    ledger = Ledger(standby.server, "portal")
    events = assert_intact(ledger, len(ledger.written()))
    answered = {(e.sequence, e.event_id, e.content_hash) for e in load.acknowledged}
    assert answered <= {(e.sequence, e.event_id, e.content_hash) for e in events}


@pytest.mark.timeout(240)
def test_an_address_that_leads_to_the_standby_before_it_is_promoted(
    primary: Ledger, standby: Replica
) -> None:
    """As with a name or an address that is moved: the sessions outlive the promotion."""
    primary.write(2)
    primary.server.kill()
    lead_to(standby.server)
    for alias in connections:
        connections[alias].settings_dict["CONN_MAX_AGE"] = 600
    with pytest.raises(LedgerUnavailableError, match=r"during recovery|read-only transaction"):
        primary.write()
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["writes"]) == (503, "failed")
    assert primary.store.get_max_sequence() == OPENING + 2  # reading goes on
    standby.query("SELECT pg_promote()")
    assert primary.write()[0].sequence == OPENING + 3
    assert Client().get("/readyz").status_code == 200
