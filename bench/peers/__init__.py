"""The peers that appends are compared with, each measured in a separate process.

A peer is imported only in the process that measures it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Protocol

from bench.play import Happening

Write = Callable[[Sequence[Happening]], float | None]
"""Writes happenings durably, one or many. Seconds, when only a part of the call counts."""

PEERS = {
    "plain INSERT": "bench.peers.plain:Plain",
    "audit portal": "bench.peers.ours:Ours",
    "audit portal, second process": "bench.peers.ours:Second",
    "bare COPY": "bench.peers.ours:Copy",
    "eventsourcing, functions": "bench.peers.sourcing:WithFunctions",
    "eventsourcing": "bench.peers.sourcing:Sourcing",
    "message-db": "bench.peers.message_db:MessageDb",
    "django-pghistory": "bench.peers.history:Pghistory",
    "django-auditlog": "bench.peers.history:Auditlog",
    "django-simple-history": "bench.peers.history:SimpleHistory",
}


class LeftOut(Exception):
    """A peer cannot be measured here; says why."""


class Peer(Protocol):
    """A way to write events; `dsn` is the benchmark's server, as psycopg parameters."""

    def install(self) -> None:
        """Create its tables, once."""

    def opened(self, callers: int) -> AbstractContextManager[None]:
        """Surrounds one measurement."""

    def caller(self) -> AbstractContextManager[Write]:
        """Surrounds one thread of a measurement."""

    def rows(self) -> int:
        """The number of stored events."""


@contextmanager
def nothing(callers: int) -> Iterator[None]:
    """The shared resource of a peer without any."""
    yield


def load(name: str, dsn: dict[str, str]) -> Peer:
    """The peer of a name."""
    module, _, kind = PEERS[name].partition(":")
    peer: Peer = getattr(import_module(module), kind)(dsn)
    return peer
