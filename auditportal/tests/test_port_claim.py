"""A port has one portal: the second claim is refused before anything else happens."""

from __future__ import annotations

import socket
import sys

import pytest

from auditportal.bootstrap import PortTaken, claim_port


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def worker_socket(port: int) -> socket.socket:
    """A listening socket as granian's workers open theirs."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener


def test_refuses_a_port_somebody_listens_on(port: int) -> None:
    with worker_socket(port), pytest.raises(PortTaken, match=f"port {port} .* is in use"):
        claim_port("127.0.0.1", port)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the claim is not held")
def test_two_claims_at_once_leave_one(port: int) -> None:
    with claim_port("127.0.0.1", port), pytest.raises(PortTaken):
        claim_port("127.0.0.1", port)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the claim is not held")
def test_the_portals_workers_listen_despite_the_claim_and_get_every_connection(port: int) -> None:
    with claim_port("127.0.0.1", port), worker_socket(port), worker_socket(port):
        for _ in range(50):
            socket.create_connection(("127.0.0.1", port), timeout=2).close()


def test_a_port_is_free_again_at_once_although_its_connections_linger(port: int) -> None:
    with claim_port("127.0.0.1", port), worker_socket(port) as listener:
        client = socket.create_connection(("127.0.0.1", port), timeout=2)
        accepted, _ = listener.accept()
        accepted.close()  # the side that closes first lingers, in TIME_WAIT
        client.close()
    claim_port("127.0.0.1", port).close()


def test_names_an_address_that_is_not_ours(port: int) -> None:
    with pytest.raises(PortTaken, match=r"cannot listen on 192\.0\.2\.1"):
        claim_port("192.0.2.1", port)
