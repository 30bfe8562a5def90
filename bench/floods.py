"""Floods a portal with requests that hold threads, memory or processors, and measures a writer
meanwhile: `python -m bench.floods --kind forms --seconds 60`.

It starts and stops its own portal on this machine. Each flood runs in a separate process, so that
it affects the writer only through the portal.

Exit codes: 0 no write and no `/healthz` was refused, and 99 of 100 writes took under a second;
1 otherwise; 2 could not run.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bench.proc import resident_bytes
from bench.soak.portal import CouldNotRun, Portal, running

WRITES_A_SECOND = 20
PATIENCE = 10.0
"""Seconds that writer and probes wait for an answer."""

RECOVERED = 0.2
"""Seconds of an answer to `/healthz` and of a write from which on a portal is itself again."""

FILL = 10_300
BATCH = 1000
DRIP_SECONDS = 2.0
HOST = "127.0.0.1"


@dataclass
class Target:
    """The portal under test, as the floods see it."""

    port: int
    writer: str
    agents: list[str]
    reader: str
    sockets: int


def say(line: str) -> None:
    """Print a line of the report at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def ask(
    port: int, method: str, path: str, token: str = "", body: bytes | None = None, **headers: str
) -> tuple[int, bytes]:
    """Send one request on a new connection; its status and body."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def event(payload: Any = None) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"event_type": "bench.flood", "payload": payload or {}, "local_timestamp": now}


# --- Floods ---------------------------------------------------------------------------------


def drip(target: Target, heads: Iterator[bytes], stop: Any) -> None:
    """Open connections that begin a request and then send a byte every two seconds; reopen those
    that the server closes."""
    connections: list[socket.socket] = []
    while not stop.is_set():
        alive = []
        for connection in connections:
            with suppress(OSError):
                connection.setblocking(False)
                with suppress(BlockingIOError):
                    if not connection.recv(2**16):
                        connection.close()
                        continue
                connection.send(b"x")
                alive.append(connection)
        connections = alive
        while len(connections) < target.sockets and not stop.is_set():
            with suppress(OSError):
                connection = socket.create_connection((HOST, target.port), timeout=PATIENCE)
                connection.sendall(next(heads))
                connections.append(connection)
        stop.wait(DRIP_SECONDS)
    for connection in connections:
        connection.close()


def _form_heads(target: Target, path: str) -> Iterator[bytes]:
    """Heads of form requests with a CSRF cookie."""
    _, page = ask(target.port, "GET", "/login/")
    found = re.search(rb'csrfmiddlewaretoken" value="([^"]+)', page)
    token = found[1] if found else b"x" * 64
    origin = f"http://{HOST}:{target.port}"
    while True:
        yield (
            f"POST {path} HTTP/1.1\r\nHost: {HOST}:{target.port}\r\nOrigin: {origin}\r\n"
            f"Cookie: auditportal_csrf={token.decode()[:32]}\r\nContent-Length: 5000\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\ncsrfmiddlewaretoken="
        ).encode()


def forms(target: Target, stop: Any) -> None:
    """Strangers' forms that arrive byte by byte."""
    drip(target, _form_heads(target, "/login/"), stop)


def slow_bodies(target: Target, stop: Any) -> None:
    """Two agents' events that arrive byte by byte."""

    def heads() -> Iterator[bytes]:
        while True:
            for token in target.agents:
                yield (
                    f"POST /api/v1/events HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5000\r\n"
                    f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\r\n{{"
                ).encode()

    drip(target, heads(), stop)


def half_bodies(target: Target, stop: Any) -> None:
    """Half a form, then silence."""
    heads = _form_heads(target, "/logout/")
    connections: list[socket.socket] = []
    while not stop.wait(DRIP_SECONDS):
        while len(connections) < target.sockets:
            connections.append(socket.create_connection((HOST, target.port), timeout=PATIENCE))
            connections[-1].sendall(next(heads))
    for connection in connections:
        connection.close()


def idle(target: Target, stop: Any) -> None:
    """Connections that send one request and then stay silent."""
    connections = []
    for _ in range(10 * target.sockets):
        connection = socket.create_connection((HOST, target.port), timeout=PATIENCE)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        connections.append(connection)
    stop.wait()
    for connection in connections:
        connection.close()


def again(target: Target, stop: Any, call: Callable[[], Any]) -> None:
    """Repeat `call` in a closed loop on each connection and print the answers."""
    answers: Counter[str] = Counter()

    def go() -> None:
        while not stop.is_set():
            try:
                answers[str(call()[0])] += 1
            except (OSError, http.client.HTTPException) as error:
                answers[type(error).__name__] += 1

    threads = [threading.Thread(target=go, daemon=True) for _ in range(target.sockets)]
    for thread in threads:
        thread.start()
    stop.wait()
    say(f"  answers to the flood: {dict(answers)}")


def _get(target: Target, path: str, token: str = "") -> Callable[[Any], None]:
    return lambda stop: again(target, stop, lambda: ask(target.port, "GET", path, token))


def verification(target: Target, stop: Any) -> None:
    """One reading token's verifications of 10,000 events."""
    _get(target, "/api/v1/verification?start=1&end=10000", target.reader)(stop)


def exports(target: Target, stop: Any) -> None:
    """Exports of the whole ledger, by one token."""
    _get(target, "/api/v1/export", target.reader)(stop)


def searches(target: Target, stop: Any) -> None:
    """Searches that find nothing, by one token."""
    path = "/api/v1/events?payload_field=nowhere&payload_value=0"
    _get(target, path, target.reader)(stop)


def open_addresses(target: Target, stop: Any) -> None:
    """Addresses that need no token."""
    paths = iter(
        ["/api/schema", "/login/", "/metrics", "/readyz", "/nowhere", "/api/docs"] * 10_000_000
    )
    again(target, stop, lambda: ask(target.port, "GET", next(paths)))


def slow_readers(target: Target, stop: Any) -> None:
    """Exports and a large static file that are hardly read."""
    connections: list[socket.socket] = []
    asked = [
        f"GET /api/v1/export HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Authorization: Bearer {target.reader}\r\n\r\n",
        f"GET /api/schema HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    ]
    while not stop.wait(DRIP_SECONDS):
        for connection in list(connections):
            try:
                connection.setblocking(False)
                with suppress(BlockingIOError):
                    if not connection.recv(100):
                        connections.remove(connection)
                        connection.close()
            except OSError:
                connections.remove(connection)
        while len(connections) < target.sockets:
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(PATIENCE)
            connection.connect((HOST, target.port))
            connection.sendall(asked[len(connections) % 2].encode())
            connections.append(connection)
    for connection in connections:
        connection.close()


def passwords(target: Target, stop: Any) -> None:
    """Complete forms with wrong passwords; each costs a password hash."""
    heads = _form_heads(target, "/login/")
    head = next(heads)
    cookie = re.search(rb"auditportal_csrf=(\w+)", head)
    token = cookie[1].decode() if cookie else ""

    def call() -> tuple[int, bytes]:
        body = f"csrfmiddlewaretoken={token}&username=nobody&password=wrong".encode()
        return ask(
            target.port, "POST", "/login/", "", body,
            **{
                "Cookie": f"auditportal_csrf={token}", "Origin": f"http://{HOST}:{target.port}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )  # fmt: skip

    again(target, stop, call)


def bodies(target: Target, stop: Any) -> None:
    """Batches of 32 MiB made of empty lists, of which the last event is wrong."""
    count = 1000
    lists = b"[" + b",".join([b"[]"] * ((32 * 2**20 // count - 200) // 3)) + b"]"
    one = b'{"event_type":"x","local_timestamp":"2026-11-27T18:00:00Z","payload":%b}'
    body = b"[" + b",".join([one % lists] * (count - 1) + [one % b"1,"]) + b"]"
    body = body.replace(b'"payload":1,}', b'"payload":1,"event_type":""}')
    target.sockets = min(target.sockets, 3)
    again(
        target, stop,
        lambda: ask(target.port, "POST", "/api/v1/events/batch", target.agents[0], body),
    )  # fmt: skip


FLOODS: dict[str, Callable[[Target, Any], None]] = {
    "forms": forms,
    "half-bodies": half_bodies,
    "slow-bodies": slow_bodies,
    "idle": idle,
    "verification": verification,
    "exports": exports,
    "searches": searches,
    "open": open_addresses,
    "slow-readers": slow_readers,
    "passwords": passwords,
    "bodies": bodies,
}


# --- What is measured beside them -----------------------------------------------------------


@dataclass
class Beside:
    """Latencies of a writer and of `/healthz` during a flood."""

    target: Target
    writes: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    health: list[float] = field(default_factory=list)
    unwell: Counter[str] = field(default_factory=Counter)

    def write(self) -> None:
        body = json.dumps(event()).encode()
        self._ask("POST", "/api/v1/events", 201, self.writes, self.refused, body)

    def probe(self) -> None:
        self._ask("GET", "/healthz", 200, self.health, self.unwell)

    def _ask(
        self, method: str, path: str, right: int, taken: list[float], wrong: Counter[str],
        body: bytes | None = None,
    ) -> None:  # fmt: skip
        token = self.target.writer if body else ""
        began = time.monotonic()
        try:
            status = str(ask(self.target.port, method, path, token, body)[0])
        except (OSError, http.client.HTTPException) as error:
            status = type(error).__name__
        taken.append(time.monotonic() - began)
        if status != str(right):
            wrong[status] += 1

    def go_on(self, what: Callable[[], None], each: float, stop: threading.Event) -> None:
        """`what` at a steady rate, whatever the last one took: each in a thread of its own."""
        while not stop.wait(each):
            threading.Thread(target=what, daemon=True).start()

    def report(self, name: str) -> str:
        return (
            f"{name}: {len(self.writes)} writes, p50 {_share(self.writes, 0.5):.0f} ms, "
            f"p99 {_share(self.writes, 0.99):.0f} ms, most {_share(self.writes, 1):.0f} ms, "
            f"not 201: {dict(self.refused) or 'none'}; healthz {len(self.health)}, "
            f"p99 {_share(self.health, 0.99):.0f} ms, not 200: {dict(self.unwell) or 'none'}"
        )


def _share(taken: list[float], share: float) -> float:
    """A quantile in milliseconds."""
    ordered = sorted(taken) or [0.0]
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Memory:
    """Resident megabytes of the web processes: current and maximum."""

    def __init__(self, portal: Portal) -> None:
        self._pids = portal.processes()["web process"]
        self.most = 0

    def now(self) -> int:
        total = sum(map(resident_bytes, self._pids)) // 2**20
        self.most = max(self.most, total)
        return total

    def watch(self, stop: threading.Event) -> None:
        while not stop.wait(0.05):
            self.now()


def measure(portal: Portal, target: Target, kind: str, seconds: float) -> bool:
    """Run one flood; True if the writer and `/healthz` kept being served."""
    memory = Memory(portal)
    before = memory.now()
    beside, stop = Beside(target), threading.Event()
    end = multiprocessing.get_context("spawn").Event()
    flood = multiprocessing.get_context("spawn").Process(
        target=FLOODS[kind], args=(target, end), daemon=True
    )
    flood.start()
    time.sleep(1)
    threads = [
        threading.Thread(target=beside.go_on, args=(beside.write, 1 / WRITES_A_SECOND, stop)),
        threading.Thread(target=beside.go_on, args=(beside.probe, 0.25, stop)),
        threading.Thread(target=memory.watch, args=(stop,)),
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    end.set()
    flood.join(1)
    if flood.is_alive():
        flood.kill()
        flood.join()
    ended = time.monotonic()
    while not _is_itself(target) and time.monotonic() - ended < 60:
        time.sleep(0.05)
    recovery = time.monotonic() - ended
    time.sleep(1)
    say(f"  {beside.report(kind)}")
    say(
        f"  memory of the web processes: {before} MB before, {memory.most} at most, "
        f"{memory.now()} after; itself again after {recovery:.1f} s"
    )
    return not beside.refused and not beside.unwell and _share(beside.writes, 0.99) < 1000


def _is_itself(target: Target) -> bool:
    """A write, a look at the head and `/healthz` answer at once."""
    beside = Beside(target)
    beside.write()
    beside.probe()
    began = time.monotonic()
    try:
        status, _ = ask(target.port, "GET", "/api/v1/head", target.reader)
    except (OSError, http.client.HTTPException):
        return False
    slow = max(*beside.writes, *beside.health, time.monotonic() - began) > RECOVERED
    return status == 200 and not (slow or beside.refused or beside.unwell)


def prepare(portal: Portal, sockets: int, fill: int) -> Target:
    """Tokens, and a ledger that is worth a verification."""
    names = ("writer", "flood-1", "flood-2")
    writer, *agents = [portal.told("issue_token", "--agent", name) for name in names]
    reader = portal.told("issue_token", "--observer")
    for _ in range(0, fill, BATCH):
        batch = json.dumps([event({"n": n, "text": "x" * 100}) for n in range(BATCH)]).encode()
        status, answer = ask(portal.port, "POST", "/api/v1/events/batch", writer, batch)
        if status != 201:
            raise CouldNotRun(f"the ledger could not be filled: {status} {answer[:200]!r}")
    return Target(portal.port, writer, agents, reader, sockets)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--kind", nargs="+", choices=FLOODS, default=list(FLOODS), help="the floods to run [all]"
    )
    parser.add_argument("--seconds", type=float, default=20, help="of each flood [20]")
    parser.add_argument("--sockets", type=int, default=70, help="connections of a flood [70]")
    parser.add_argument("--events", type=int, default=FILL, help=f"written beforehand [{FILL}]")
    asked = parser.parse_args()
    try:
        return 0 if flood(asked) else 1
    except (CouldNotRun, OSError) as error:
        sys.stderr.write(f"bench.floods: {error}\n")
        return 2


def flood(asked: argparse.Namespace) -> bool:
    """Run the floods in turn; True if each was withstood."""
    with running() as portal:
        target = prepare(portal, asked.sockets, asked.events)
        went_on = []
        for kind in asked.kind:
            say(f"{kind}, {asked.seconds:.0f} s:")
            went_on.append(measure(portal, target, kind, asked.seconds))
    return all(went_on)


if __name__ == "__main__":
    sys.exit(main())
