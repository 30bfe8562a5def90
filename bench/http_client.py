"""A cheap HTTP client for closed loops: each connection sends again as soon as it was answered.

To leave the processors to the server it is one process with one poll, without an HTTP library, and
parses only the status and length of answers. `python -m bench.http_client` reads one JSON order
from standard input and prints one JSON answer.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time
from collections import Counter
from itertools import cycle
from typing import Any

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


class _Connection:
    """One connection and the part of the answer read so far."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent = 0.0
        self._answer = b""

    def send(self, request: bytes) -> None:
        self._answer = b""
        self.sent = time.perf_counter()
        self.socket.sendall(request)

    def status(self) -> int | None:
        """The status of a complete answer; None while incomplete."""
        piece = self.socket.recv(2**18)
        if not piece:
            raise SystemExit("the server closed a connection")
        self._answer += piece
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found:
            return None
        length = _LENGTH.search(head)
        if length is None:
            raise SystemExit(f"an answer without length: {head[:200]!r}")
        return int(head[9:12]) if len(body) >= int(length[1]) else None


def run(port: int, connections: int, seconds: float, requests: list[bytes]) -> dict[str, Any]:
    """The number of answers by status, and the latency of each 201 in seconds."""
    bodies = cycle(requests)
    poll = selectors.DefaultSelector()
    taken: list[float] = []
    statuses: Counter[int] = Counter()
    began = time.perf_counter()
    open_ones = 0
    for _ in range(connections):
        connection = _Connection(port)
        poll.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send(next(bodies))
        open_ones += 1
    while open_ones:
        for key, _ in poll.select(timeout=30):
            connection = key.data
            status = connection.status()
            if status is None:
                continue
            now = time.perf_counter()
            statuses[status] += 1
            if status == 201:
                taken.append(now - connection.sent)
            if now - began < seconds:
                connection.send(next(bodies))
            else:
                poll.unregister(connection.socket)
                connection.socket.close()
                open_ones -= 1
    return {
        "seconds": time.perf_counter() - began,
        "statuses": dict(statuses),
        "taken": sorted(taken),
    }


if __name__ == "__main__":
    order = json.loads(sys.stdin.read())
    requests = [request.encode("latin-1") for request in order["requests"]]
    answer = run(order["port"], order["connections"], order["seconds"], requests)
    sys.stdout.write(json.dumps(answer))
