"""Connections whose client sends or reads too slowly are ended; others are kept."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from auditportal import slow_clients
from auditportal.slow_clients import SlowClients
from events.access.concurrency import BODY_RATE, BODY_SECONDS, overdue, waiting_for_body

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux about connections")


class Connected:
    """A listener, and both ends of a connection to it."""

    def __init__(self, held: ExitStack) -> None:
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.port = listener.getsockname()[1]
        self.client = held.enter_context(socket.create_connection(("127.0.0.1", self.port)))
        self.server = held.enter_context(listener.accept()[0])
        self.client.settimeout(30)

    def fill(self) -> None:
        """Send more than the client takes unasked."""
        self.server.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                self.server.send(b"x" * 2**16)


@pytest.fixture
def connected() -> Iterator[Connected]:
    with ExitStack() as held:
        yield Connected(held)


def is_ended(connected: Connected) -> bool:
    connected.client.setblocking(False)
    try:
        while connected.client.recv(2**20):
            pass
    except BlockingIOError:
        return False
    return True


def test_a_client_that_sends_a_body_too_slowly_is_disconnected(
    connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_clients, "overdue", lambda: {"127.0.0.1": 0.0})
    assert SlowClients(connected.port).check() == 1
    assert is_ended(connected)
    assert connected.server.recv(1) == b"", "whoever reads the body sees its end"


def test_a_client_that_was_sent_something_recently_is_kept(
    connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_clients, "overdue", lambda: {"127.0.0.1": 3600.0})
    connected.server.send(b"an answer")
    assert SlowClients(connected.port).check() == 0
    assert not is_ended(connected)


def test_other_addresses_and_ports_are_left_alone(
    connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_clients, "overdue", lambda: {"192.0.2.1": 0.0})
    assert SlowClients(connected.port).check() == 0
    monkeypatch.setattr(slow_clients, "overdue", lambda: {"127.0.0.1": 0.0})
    assert SlowClients(1).check() == 0
    assert not is_ended(connected)


def test_a_client_that_does_not_read_the_answer_is_disconnected(connected: Connected) -> None:
    connected.fill()
    assert SlowClients(connected.port, window=3600).check() == 0, "the window is not over"
    clients = SlowClients(connected.port, window=0)
    assert clients.check() == 1
    assert is_ended(connected)


def test_a_client_with_nothing_to_read_is_not_disconnected(connected: Connected) -> None:
    connected.server.send(b"an answer")
    assert connected.client.recv(100) == b"an answer"
    assert SlowClients(connected.port, window=0).check() == 0
    assert not is_ended(connected)


def test_each_piece_of_a_body_has_its_time_and_the_whole_has_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    size = 4 * BODY_RATE
    with waiting_for_body("192.0.2.1", size) as wait:
        now[0] += BODY_SECONDS
        assert overdue() == {}
        wait.go_on()
        now[0] += 3
        assert overdue() == {}
        wait.go_on()
        now[0] += 1.5
        assert overdue() == {"192.0.2.1": BODY_SECONDS + 4.5}, "pieces came, and not the whole"
    assert overdue() == {}
    with waiting_for_body("192.0.2.1", size):
        now[0] += BODY_SECONDS + 0.5
        assert overdue() == {"192.0.2.1": BODY_SECONDS + 0.5}
        with waiting_for_body("192.0.2.1", size):
            assert overdue() == {"192.0.2.1": BODY_SECONDS + 0.5}
