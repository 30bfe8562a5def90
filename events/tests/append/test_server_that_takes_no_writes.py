"""A server that turned read-only, as after a failover, is away: said so, and back at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import pytest
from django.db import DatabaseError, OperationalError, close_old_connections, connections
from django.test import Client

from events.append.queue import AppendQueue
from events.append.services import writer
from events.format.event import Event
from events.store.connection import LedgerUnavailableError, fetch_one, named_errors, takes_writes
from events.submission import Submission
from events.tests.support import api
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import Ledger, submission

PATIENCE_SECONDS = 60.0


def make_read_only(ledger: Ledger) -> None:
    """Every session of the application ends, and what begins now takes no writes."""
    setting = "default_transaction_read_only = on"
    with ledger.connect("postgres") as superuser:
        superuser.execute(f"ALTER ROLE portal_app IN DATABASE {ledger.name} SET {setting}")
        superuser.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = 'portal_app'"
        )


def make_writable(ledger: Ledger) -> None:
    """New sessions accept writes; those that began before do not."""
    with ledger.connect("postgres") as superuser:
        superuser.execute(
            f"ALTER ROLE portal_app IN DATABASE {ledger.name} RESET default_transaction_read_only"
        )


@contextmanager
def read_only(ledger: Ledger) -> Iterator[None]:
    make_read_only(ledger)
    yield
    make_writable(ledger)


@pytest.fixture(autouse=True)
def kept_connections(ledger: Ledger) -> None:
    """As in a server: connections outlive a request."""
    connections["default"].settings_dict["CONN_MAX_AGE"] = 600


def readiness() -> tuple[int, str]:
    answer = Client().get("/readyz")
    return answer.status_code, answer.json()["checks"]["writes"]


def test_a_writer_hears_503_and_then_201_at_once(ledger: Ledger) -> None:
    caller = api.agent()
    assert caller.post("events", api.event()).status_code == 201
    with read_only(ledger):
        for path, body in (("events", api.event()), ("events/batch", [api.event()])):
            answer = caller.post(path, body)
            api.problem(answer, 503, "database-unavailable")
            assert answer["Retry-After"] == "5"
        assert readiness() == (503, "failed")
        assert b"audit_portal_ready 0.0" in Client().get("/metrics").content
        assert caller.get("events/4").status_code == 200  # reading goes on
    assert caller.post("events", api.event()).status_code == 201
    assert readiness() == (200, "ok")
    assert_intact(ledger, 2)


def test_every_way_of_writing_says_that_the_database_is_away(ledger: Ledger) -> None:
    with read_only(ledger):
        for write in (ledger.write, lambda: fetch_one("default", "append.confirm_append")):
            connections.close_all()
            if write is ledger.write:
                with pytest.raises(LedgerUnavailableError, match="read-only"):
                    write()
    assert ledger.write()[0].sequence == 4


def test_a_page_that_must_write_says_503_and_works_when_it_is_back(ledger: Ledger) -> None:
    """A sign-in writes its session and its failures, on the connection of the request's thread."""
    client = Client(raise_request_exception=False)
    with read_only(ledger):
        close_old_connections()  # as between two requests, which the test client leaves out
        answer = client.post("/login/", {"username": "nobody", "password": "wrong"})
        assert answer.status_code == 503
    close_old_connections()
    answer = client.post("/login/", {"username": "nobody", "password": "wrong"})
    assert answer.status_code == 200


def test_a_kept_session_that_is_read_only_is_left(ledger: Ledger) -> None:
    make_read_only(ledger)
    assert not takes_writes("default")
    make_writable(ledger)
    assert takes_writes("default")


@pytest.mark.parametrize(
    "state", ["25006", "25P03", "25P04", "57P01", "57P02", "57P03", "57P05", "08006", "53300"]
)
def test_the_errors_of_a_lost_server_are_named(ledger: Ledger, state: str) -> None:
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'gone' USING ERRCODE = '{state}'; END $$"
    with pytest.raises(OperationalError), connections["default"].cursor() as cursor:
        cursor.execute(raising)
    with (
        pytest.raises(LedgerUnavailableError, match="the database is not available: gone"),
        named_errors(),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute(raising)


@pytest.mark.parametrize("state", ["25001", "25P02", "XX001", "23505", "42501"])
def test_other_errors_are_not(ledger: Ledger, state: str) -> None:
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'wrong' USING ERRCODE = '{state}'; END $$"
    with pytest.raises(DatabaseError) as raised, connections["default"].cursor() as cursor:
        cursor.execute(raising)
    assert not isinstance(raised.value, OperationalError)


class Load:
    """Writers of one process that send each event until it is acknowledged, without a pause that
    would let the appender's thread give its connection back."""

    def __init__(self) -> None:
        self.gathered = AppendQueue(writer())
        self.acknowledged: list[Event] = []
        self.refused = 0
        self.changed = threading.Condition()
        self.stopped = threading.Event()

    def write(self) -> None:
        try:
            while not self.stopped.is_set():
                self._until_acknowledged(submission(event_id=str(uuid4())))
        finally:
            connections.close_all()

    def wait_until(self, more: int, refused: int) -> None:
        """Until so many more were acknowledged, or refused."""
        with self.changed:
            goal = len(self.acknowledged) + more if more else 0
            limit = self.refused + refused if refused else 0
            assert self.changed.wait_for(
                lambda: len(self.acknowledged) >= goal and self.refused >= limit, PATIENCE_SECONDS
            ), "the writers do not get on"

    def _until_acknowledged(self, asked: Submission) -> None:
        """Send the same again: what was committed though its answer was lost is found then."""
        while not self.stopped.is_set():
            try:
                event = self.gathered.write_event(asked).event
            except LedgerUnavailableError:
                with self.changed:
                    self.refused += 1
                    self.changed.notify_all()
                continue
            with self.changed:
                self.acknowledged.append(event)
                self.changed.notify_all()
            return


@pytest.mark.timeout(240)
def test_under_load_writing_is_back_and_nothing_acknowledged_is_lost(ledger: Ledger) -> None:
    load = Load()
    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(load.write) for _ in range(4)]
        try:
            for _ in range(2):
                load.wait_until(more=30, refused=0)
                with read_only(ledger):
                    load.wait_until(more=0, refused=12)
            load.wait_until(more=30, refused=0)
        finally:
            load.stopped.set()
        for future in writers:
            future.result(PATIENCE_SECONDS)
    load.gathered.close()
    close_old_connections()
    answered = {(e.sequence, e.event_id, e.content_hash) for e in load.acknowledged}
    events = assert_intact(ledger, len(ledger.written()))
    assert answered <= {(e.sequence, e.event_id, e.content_hash) for e in events}
