"""Ends the connections of clients that send a body, or read a response, too slowly.

Granian has no timeout for either, and a thread of ours waits meanwhile. The kernel knows for each
connection how long nothing was sent and how much is waiting to be sent; a background thread of
each web process checks that (Linux only; elsewhere nothing is ended).
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import structlog

from events.access.concurrency import overdue

log = structlog.get_logger(__name__)

PAUSE = 1.0
"""Seconds between two checks."""

WINDOW = 20.0
"""Seconds over which the speed of a reader is measured."""

LEAST_READ = 2**16
"""Bytes that a reader must receive within `WINDOW`, if data is waiting."""

SLACK = 0.5
"""Tolerance in seconds between the clocks of thread and kernel."""

_TCP_INFO_SIZE = 232
# Offsets in struct tcp_info of linux/tcp.h: segments in flight; milliseconds since data was last
# sent; bytes acknowledged; bytes not sent yet.
_UNACKED, _LAST_SENT, _ACKED, _UNSENT = 24, 44, 120, 144
_NEEDED = _UNSENT + 4


@dataclass(frozen=True, slots=True)
class Traffic:
    """The kernel's counters of a connection."""

    silent: float
    acknowledged: int
    waiting: bool

    @classmethod
    def of(cls, connection: socket.socket) -> Traffic | None:
        """The counters, or None if the kernel is too old."""
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
        if len(info) < _NEEDED:
            return None
        (unacked,) = struct.unpack_from("=I", info, _UNACKED)
        (last_sent,) = struct.unpack_from("=I", info, _LAST_SENT)
        (acknowledged,) = struct.unpack_from("=Q", info, _ACKED)
        (unsent,) = struct.unpack_from("=I", info, _UNSENT)
        return cls(last_sent / 1000, acknowledged, bool(unacked or unsent))


@dataclass
class SlowClients:
    """Checks the connections that this process has accepted on `port`."""

    port: int
    window: float = WINDOW
    _readers: dict[object, tuple[float, int]] = field(default_factory=dict)
    """Start time and acknowledged bytes of each connection with data waiting."""

    def check(self) -> int:
        """End slow connections; their number."""
        late, now, ended = overdue(), time.monotonic(), 0
        readers: dict[object, tuple[float, int]] = {}
        for connection in _connections(self.port):
            with connection:
                try:
                    peer = connection.getpeername()
                    traffic = Traffic.of(connection)
                    if traffic is None:
                        continue
                    slow = self._is_late(late.get(peer[0]), traffic) or self._reads_slowly(
                        peer, traffic, now, readers
                    )
                    if slow:
                        connection.shutdown(socket.SHUT_RDWR)
                        ended += 1
                except OSError:  # the connection has ended
                    continue
        self._readers = readers
        if ended:
            log.warning("slow_clients_ended", connections=ended)
        return ended

    @staticmethod
    def _is_late(age: float | None, traffic: Traffic) -> bool:
        """True if nothing was sent since a thread began to wait for this peer's body. Other
        connections of the peer that were idle as long are ended too, as is always allowed."""
        return age is not None and traffic.silent >= age - SLACK

    def _reads_slowly(
        self,
        peer: object,
        traffic: Traffic,
        now: float,
        readers: dict[object, tuple[float, int]],
    ) -> bool:
        if not traffic.waiting:
            return False
        since, start = self._readers.get(peer, (now, traffic.acknowledged))
        if now - since < self.window:
            readers[peer] = since, start
            return False
        readers[peer] = now, traffic.acknowledged
        return traffic.acknowledged - start < LEAST_READ


def _connections(port: int) -> Iterator[socket.socket]:
    """Duplicates of the connected sockets of this process with local port `port`."""
    for entry in os.scandir("/proc/self/fd"):
        try:
            number = int(entry.name)
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            connection = socket.socket(fileno=os.dup(number))
        except OSError:
            continue
        try:
            ours = connection.type == socket.SOCK_STREAM and connection.family in (
                socket.AF_INET,
                socket.AF_INET6,
            )
            if ours and connection.getsockname()[1] == port and connection.getpeername():
                yield connection
                continue
        except OSError:  # the listener, or a connection that has ended
            pass
        connection.close()


def watch_clients(port: int) -> None:
    """Start the background thread that checks connections."""
    if sys.platform == "linux":
        clients = SlowClients(port)
        threading.Thread(target=_run, args=(clients,), name="clients", daemon=True).start()


def _run(clients: SlowClients) -> None:
    pause = threading.Event()
    while not pause.wait(PAUSE):
        try:
            clients.check()
        except Exception:
            log.exception("clients_not_checked")
