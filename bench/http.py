"""Compares writing over HTTP through the portal's server with that server's ceiling.

It measures an empty embedded portal in a temporary folder, served by `serve` on a free loopback
port. The ceiling is the same server with the same route, authentication, validation and answer,
but without a ledger (`bench/ceiling.py`). Both are measured in turn; client, server and PostgreSQL
share the processors. The log level is ERROR for both; by default the portal logs every request.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from bench.cluster import Cluster, running
from bench.figures import Figures, medians
from bench.play import play
from bench.proc import seconds_below

BATCH = 1000
AGENT = "first-agent"
REFUSED = {"429", "503"}
"""A process refuses bodies of one agent beyond three eighths of its threads, which 64 connections
reach on a busy machine."""

DISTINCT = 200
"""Different requests that the client sends in turn."""


@dataclass(frozen=True)
class Case:
    """One measured case: connections, and events a request."""

    connections: int
    events: int


CASES = (Case(1, 1), Case(16, 1), Case(64, 1), Case(4, BATCH))
LIMITS = {Case(64, 1): 0.7}


def requests(case: Case, token: str) -> list[str]:
    """Bodies of ordinary events of the simulated agents, with correct clocks: drift would be logged
    for each event."""
    now = datetime.now(UTC).isoformat()
    events = [
        {
            "event_type": one.event_type,
            "payload": orjson.loads(one.payload),
            "local_timestamp": now,
        }
        for one in play(DISTINCT if case.events == 1 else 2 * case.events)
    ]
    if case.events == 1:
        return [_request("/api/v1/events", event, token) for event in events]
    halves = events[: case.events], events[case.events :]
    return [_request("/api/v1/events/batch", half, token) for half in halves]


def _request(path: str, document: Any, token: str) -> str:
    body = orjson.dumps(document)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head + body.decode("latin-1")


def measure(
    port: int, server: int, cluster: Cluster, case: Case, token: str, seconds: float
) -> Figures:
    """Measure one round of one case."""
    order = {
        "port": port, "connections": case.connections, "seconds": seconds,
        "requests": requests(case, token),
    }  # fmt: skip
    before = seconds_below(server), seconds_below(cluster.pid)
    client = subprocess.run(
        [sys.executable, "-m", "bench.http_client"],
        input=json.dumps(order), capture_output=True, text=True, check=True,
    )  # fmt: skip
    after = seconds_below(server), seconds_below(cluster.pid)
    answer = json.loads(client.stdout)
    statuses, taken = answer["statuses"], answer["taken"]
    if not taken or not set(statuses) <= {"201", *REFUSED}:
        raise SystemExit(f"bench.http: the answers were {statuses}")
    events = len(taken) * case.events
    return Figures(
        rate=events / answer["seconds"],
        p50=taken[len(taken) // 2] * 1000,
        p99=taken[int(len(taken) * 0.99)] * 1000,
        python=(after[0] - before[0]) / events * 1000,
        postgres=(after[1] - before[1]) / events * 1000,
        refused=100 * (1 - len(taken) / sum(statuses.values())),
    )


@contextmanager
def served(target: str) -> Iterator[tuple[int, int]]:
    """Serve one WSGI module with the portal's server; its port and process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    start = (
        "import django; django.setup(); "
        "from auditportal.management.commands.serve import Command; "
        "from django.core.management import execute_from_command_line as run; "
        f"Command.target = {target!r}; run(['manage.py', 'serve', '--port', '{port}'])"
    )
    child = subprocess.Popen([sys.executable, "-c", start])
    try:
        _await(port, child)
        yield port, child.pid
    finally:
        child.terminate()
        child.wait()


def _await(port: int, child: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if child.poll() is not None:
            raise SystemExit("bench.http: the server did not start")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("bench.http: the server does not answer")


def prepare(cluster: Cluster) -> str:
    """Make tables, keys and a token in the benchmark's portal."""
    os.environ["PORTAL_HOME"] = str(cluster.home)
    os.environ["PORTAL_LOG_LEVEL"] = "ERROR"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "auditportal.settings")
    for name in ("migrate", "apply_grants", "ensure_keys"):
        _manage(name)
    return _manage("issue_token", "--agent", AGENT).strip()


def _manage(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def library(seconds: float) -> float:
    """Events a second of the library's batches with 4 callers, on the same ledger."""
    code = f"""
import threading, time, django
django.setup()
from datetime import UTC, datetime
from bench.play import play
from events.append.services import shared_writer
from events.submission import Submission
now = datetime.now(UTC)
batch = [Submission(one.event_type, one.payload, {AGENT!r}, now) for one in play({BATCH})]
written, ends = [], time.monotonic() + {seconds}
def write():
    while time.monotonic() < ends:
        written.append(len(shared_writer().write_events(batch)))
shared_writer().write_events(batch)
began = time.monotonic()
threads = [threading.Thread(target=write) for _ in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sum(written) / (time.monotonic() - began))
"""
    measured = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
    )
    return float(measured.stdout)


def measure_all(rounds: int, seconds: float) -> tuple[dict[str, dict[Case, Figures]], float]:
    """Measure the portal and its ceiling in turn, round by round; then the library."""
    found: dict[str, dict[Case, list[Figures]]] = {"portal": {}, "ceiling": {}}
    libraries = []
    with running() as cluster:
        token = prepare(cluster)
        for _ in range(rounds):
            for name, target in (("ceiling", "bench.ceiling"), ("portal", "auditportal.wsgi")):
                with served(target) as (port, server):
                    measure(port, server, cluster, Case(64, 1), token, 1.0)  # warm
                    for case in CASES:
                        figures = measure(port, server, cluster, case, token, seconds)
                        found[name].setdefault(case, []).append(figures)
            libraries.append(library(seconds))
        _manage("verify_ledger", "--workers", str(os.cpu_count()))
    settled = {
        name: {case: medians(figures) for case, figures in cases.items()}
        for name, cases in found.items()
    }
    return settled, statistics.median(libraries)


def report(found: dict[str, dict[Case, Figures]], of_library: float) -> str:
    """The tables as Markdown."""
    lines = [
        "| who | connections | events a request | events/s | p50 ms | p99 ms "
        "| Python s per 1,000 | PostgreSQL s per 1,000 | refused, % |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for case in CASES:
        for name in ("ceiling", "portal"):
            one = found[name][case]
            lines.append(
                f"| {name} | {case.connections} | {case.events} | {one.rate:,.0f} | {one.p50:.2f} "
                f"| {one.p99:.2f} | {one.python:.3f} | {one.postgres:.3f} "
                f"| {one.refused:.1f} |"
            )
    lines += ["", "| ratio | measured | at least | |", "|---|---:|---:|---|"]
    lines += [
        f"| {r['what']} | {r['ratio']:.2f} | {r['least'] or ''} | {_verdict(r)} |"
        for r in ratios(found, of_library)
    ]
    return "\n".join(lines)


def _verdict(ratio: dict[str, Any]) -> str:
    if ratio["least"] is None:
        return ""
    return "met" if ratio["ratio"] >= ratio["least"] else "**not met**"


def ratios(found: dict[str, dict[Case, Figures]], of_library: float) -> list[dict[str, Any]]:
    """Ratios to the ceiling, and of batches to the library's in the same run."""
    singles = [
        {
            "what": f"{case.connections} connections, of the ceiling",
            "ratio": found["portal"][case].rate / found["ceiling"][case].rate,
            "least": LIMITS.get(case),
        }
        for case in CASES
        if case.events == 1
    ]
    batches = found["portal"][Case(4, BATCH)].rate
    return [
        *singles,
        {
            "what": f"batches, 4 connections, of the library's {of_library:,.0f}/s",
            "ratio": batches / of_library,
            "least": 0.7,
        },
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure writing over HTTP.")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args()
    found, of_library = measure_all(*((1, 2.0) if options.quick else (3, 4.0)))
    if options.json:
        rows = [
            {"who": name, "connections": case.connections, "events": case.events, **vars(figures)}
            for name, cases in found.items()
            for case, figures in cases.items()
        ]
        document = {"rows": rows, "library": of_library, "ratios": ratios(found, of_library)}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return
    sys.stdout.write(report(found, of_library) + "\n")


if __name__ == "__main__":
    main()
