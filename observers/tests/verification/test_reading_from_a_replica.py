"""Observers read from a streaming replica, are told how far it is, and lose nothing by it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import structlog
from django.core.cache import cache
from django.core.management import call_command
from django.db import close_old_connections, connections
from django.test import Client
from pytest_django import DjangoDbBlocker, Settings

from auditportal.embedded import EmbeddedPostgres
from events.store import ranges
from events.store.connection import LedgerUnavailableError
from events.tests.support import api
from events.tests.support.ledger import Ledger
from observers import continuity as completeness
from observers.api import views
from observers.replica import trust as trusting
from observers.replica.trust import Trust, Why, trust
from observers.tests.support.pages import sign_in
from observers.tests.support.replica import Replica
from observers.verification_jobs import command_line, runner, tasks

PATIENT = 3600


@pytest.fixture(scope="module")
def followed(postgres: EmbeddedPostgres, template: str) -> Iterator[Replica]:
    """One replica for the tests of this file."""
    replica = Replica(postgres)
    try:
        replica.make()
        yield replica
    finally:
        replica.remove()


@pytest.fixture
def replica(
    followed: Replica,
    ledger: Ledger,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Replica]:
    """The replica, read by observers, up to date with the three events of the opening."""
    place = followed.server.dsn("portal_observer", ledger.name)
    connections.settings["observer"] = {
        **connections.settings["default"],
        "ENGINE": "observers.replica.engine",
        "HOST": place["host"],
        "PORT": place["port"],
        "USER": place["user"],
        "NAME": place["dbname"],
        "OPTIONS": {"connect_timeout": 2},
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }
    settings.LEDGER_READ_ALIAS = "observer"
    settings.PORTAL_REPLICA_LAG = PATIENT
    monkeypatch.setattr(trusting, "CHECK_SECONDS", 0.0)
    trust.forget()
    followed.catch_up()
    yield followed
    followed.server.start()
    followed.resume()
    connections["observer"].close()
    del connections["observer"], connections.settings["observer"]
    trust.forget()


Get = Callable[..., Any]


@pytest.fixture
def get(replica: Replica) -> Get:
    """GET an address under `/api/v1`, as a server does: each connection is looked at before."""
    caller = api.observer()

    def ask(path: str, status: int = 200) -> Any:
        close_old_connections()
        response = caller.get(path)
        assert response.status_code == status, response.content
        return response

    return ask


@pytest.fixture
def page(replica: Replica) -> Get:
    """The text of a page, likewise."""
    client: Client = sign_in()

    def ask(address: str, status: int = 200) -> str:
        close_old_connections()
        cache.clear()
        response = client.get(address)
        assert response.status_code == status, (address, response.status_code)
        return str(response.content.decode())

    return ask


def states(get: Get) -> tuple[bool, str]:
    """Tells whether the replica answered, and returns what /readyz says of it."""
    answered = get("events").json()["completeness"]["replica"] is not None
    return answered, get("/readyz").json()["checks"]["replica"]


def test_reads_go_there_as_the_observers_role(replica: Replica, get: Get) -> None:
    completeness = get("events").json()["completeness"]
    assert completeness["head_sequence"] == completeness["complete_through"] == 3
    told = completeness["replica"]
    assert (told["primary_head_sequence"], told["lag_seconds"]) == (3, 0)
    assert replica.query("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", told["replayed_lsn"])
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'portal_observer'"
    assert replica.query(sessions) == [(1,)]
    with connections["observer"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_is_in_recovery(), has_table_privilege('events', 'SELECT'),"
            " has_table_privilege('events', 'INSERT'), has_table_privilege('api_tokens', 'SELECT')"
        )
        assert cursor.fetchone() == (True, True, False, False)


def test_events_the_replica_lacks_are_reported_and_not_called_missing(
    replica: Replica, ledger: Ledger, get: Get, page: Get
) -> None:
    replica.pause()
    ledger.write(2)
    answer = get("events?after=1").json()
    assert [event["sequence"] for event in answer["events"]] == [2, 3]
    completeness = answer["completeness"]
    assert (completeness["head_sequence"], completeness["end"]) == (3, 3)
    assert completeness["replica"]["primary_head_sequence"] == 5
    assert completeness["replica"]["lag_seconds"] > 0
    assert (answer["next"], completeness["gaps"]) == (None, [])
    nothing = get("events?after=3").json()
    assert (nothing["events"], nothing["completeness"]["end"]) == ([], 3)
    continuity = get("continuity").json()
    assert (continuity["end"], continuity["is_continuous"]) == (3, True)
    assert continuity["replica"]["primary_head_sequence"] == 5
    figures = get("/metrics").content.decode()
    assert "audit_portal_replica_serves 1.0" in figures
    assert "audit_portal_replica_events_behind 2.0" in figures
    overview = page("/")
    assert "2 events, " in overview
    assert "Events are missing" not in overview
    assert "The end of the ledger is not what was recorded" not in overview
    replica.resume()
    after = get("events?after=3").json()
    assert [event["sequence"] for event in after["events"]] == [4, 5]
    assert after["completeness"]["replica"]["lag_seconds"] == 0


def test_a_writer_finds_what_was_just_written(replica: Replica, get: Get, page: Get) -> None:
    replica.pause()
    written = api.agent().post("events", api.event())
    assert written.status_code == 201
    event = written.json()
    assert event["sequence"] == 4
    assert get(written["Location"]).json().items() >= event.items()
    assert get(f"events/by-id/{event['event_id']}").json().items() >= event.items()
    assert get("head").json()["max_sequence"] == 4
    assert get("continuity?end=4").json()["end"] == 4
    assert get("verification?start=4&end=4").json()["checked"] == 1
    export = get("export?start=4&end=4")
    assert b"".join(export.streaming_content).count(b"\n") == 1
    assert event["content_hash"] in page("/events/4/")
    page(f"/events/by-id/{event['event_id']}/", 302)
    assert "data-regressed" not in page("/events/live?after=4")
    get("events/5", 404)


def test_a_verification_up_to_the_primarys_end_finds_no_cut(
    replica: Replica, ledger: Ledger
) -> None:
    replica.pause()
    ledger.write(2)
    record = tasks.request(requested_by="auditor", start=1, end=5)
    runner.run_verification(record.pk)
    record.refresh_from_db()
    assert (record.state, record.checked, record.findings) == ("finished", 5, [])
    since = io.StringIO()
    call_command("verify_ledger", "--since-last-sound", "--json", stdout=since)
    assert json.loads(since.getvalue())["finding_count"] == 0
    resumed = command_line.resume(command_line.begin(1, 5), workers=1, progress=lambda _: None)
    assert (resumed.state, resumed.checked, resumed.findings) == ("finished", 5, [])


def test_a_dead_replica_is_left_and_used_again_later(replica: Replica, get: Get, page: Get) -> None:
    assert states(get) == (True, "ok")
    with structlog.testing.capture_logs() as logs:
        replica.server.kill()
        assert states(get) == (False, "away")
        assert get("/readyz").json()["status"] == "ready"
        assert "the replica cannot be read" in page("/")
        replica.server.start()
        assert states(get) == (False, "away")  # it is left alone for a while
        trust._try_at = 0.0
        assert states(get) == (True, "ok")
    assert "the replica cannot be read" not in page("/")
    told = [line["event"] for line in logs if line["event"].startswith("replica_")]
    assert told == ["replica_left", "replica_back"]


def test_a_lagging_replica_is_left_and_used_again_later(
    replica: Replica, ledger: Ledger, settings: Settings, get: Get, page: Get
) -> None:
    replica.pause()
    assert states(get) == (True, "ok")
    settings.PORTAL_REPLICA_LAG = 0
    assert states(get) == (True, "ok")  # it lacks nothing, however long nobody has written
    ledger.write(1)
    assert states(get) == (False, "behind")
    assert get("events").json()["completeness"]["head_sequence"] == 4
    assert "the replica is too far behind" in page("/")
    replica.resume()
    trust._try_at = 0.0
    assert states(get) == (True, "ok")


def test_a_connection_lost_in_the_middle_gives_no_partial_answer(
    replica: Replica, ledger: Ledger, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(*args: Any, **bounds: Any) -> Any:
        replica.cut_off_readers()
        return completeness.look(*args, **bounds)

    with monkeypatch.context() as patched:
        patched.setattr(views, "look", look)
        refused = get("events", 503)
    api.problem(refused, 503, "database-unavailable")
    assert refused["Retry-After"]
    assert get("events").json()["completeness"]["head_sequence"] == 3


def test_an_export_that_breaks_off_says_so(
    replica: Replica, ledger: Ledger, get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        ranges, "NUMBERS", 75
    )  # so that there is more to copy after the first piece
    ledger.write(150)
    replica.catch_up()
    pieces = iter(get("export").streaming_content)
    received = [next(pieces)]
    replica.cut_off_readers()
    with pytest.raises(LedgerUnavailableError):
        received.extend(pieces)
    assert received[-1].endswith(b'{"export":"broke off')


def test_one_of_many_requests_tries_the_replica_again_after_a_pause() -> None:
    trust, barrier = Trust(), Barrier(8)
    trust.leave(Why.AWAY, "it was killed")
    assert not trust.claim()
    trust._try_at = 0.0

    def claim(_: int) -> bool:
        barrier.wait()
        return trust.claim()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1
