"""Compares appending with peers, on one PostgreSQL, in one run.

Speeds are printed, not asserted. It does assert that as many events are stored as were
acknowledged, and that the ledger is sound.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cluster import Cluster, running
from bench.figures import Figures, medians
from bench.peers import PEERS, LeftOut
from bench.peers.worker import Order, Taken, serve

OURS, SECOND, COPY, PLAIN = (
    "audit portal",
    "audit portal, second process",
    "bare COPY",
    "plain INSERT",
)
SOURCING, FUNCTIONS = "eventsourcing", "eventsourcing, functions"
MESSAGE_DB = "message-db"
HISTORIES = ("django-pghistory", "django-auditlog", "django-simple-history")
BATCH = 1_000
PATIENCE_SECONDS = 120.0
DATABASE = "peers"


@dataclass(frozen=True)
class Row:
    """One measured case: peer, number of callers, events a call, disk."""

    peer: str
    callers: int
    per_call: int = 1
    slow: bool = False
    processes: int = 1

    @property
    def name(self) -> str:
        return self.peer if self.processes == 1 else f"{self.peer}, {self.processes} processes"

    @property
    def disk(self) -> str:
        return "+ 1 ms" if self.slow else "as it is"


class Worker:
    """One peer's process, as the parent sees it."""

    def __init__(self, name: str, cluster: Cluster, log: Path | None) -> None:
        self.name, self.acknowledged = name, 0
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        dsn = cluster.server.dsn(dbname=DATABASE)
        self.process = context.Process(
            target=serve, args=(theirs, name, dsn, cluster.pid, log), daemon=True
        )
        self.process.start()
        theirs.close()  # so that the end of the process ends the pipe
        self._expect("installed")

    def _expect(self, what: str) -> Any:
        if not self.pipe.poll(PATIENCE_SECONDS):
            raise SystemExit(f"{self.name}: no answer within {PATIENCE_SECONDS:.0f} s")
        try:
            said, value = self.pipe.recv()
        except EOFError:
            raise SystemExit(f"{self.name}: its process ended") from None
        if said == "left out":
            raise LeftOut(value)
        if said != what:
            raise SystemExit(f"{self.name}: {value}")
        return value

    def make_ready(self, order: Order) -> None:
        self.pipe.send(order)
        self._expect("ready")

    def go(self) -> None:
        self.pipe.send("go")

    def taken(self) -> Taken:
        taken, acknowledged = self._expect("answer")
        self.acknowledged += acknowledged
        result: Taken = taken
        return result

    def rows(self) -> int:
        self.pipe.send("rows")
        return int(self._expect("answer"))

    def end(self) -> None:
        if self.process.is_alive():
            self.pipe.send(None)
            self.process.join(10)
        if self.process.is_alive():
            self.process.terminate()


def plan(quick: bool, can_slow: bool, log: Path | None) -> list[Row]:
    """All rows; rows that are compared follow each other."""
    many = (1, 16) if quick else (1, 4, 16, 64)
    singles = (PLAIN, OURS, FUNCTIONS, SOURCING, MESSAGE_DB)
    rows = [
        Row(peer, callers, slow=slow)
        for slow in ((False, True) if can_slow else (False,))
        for callers in many
        for peer in singles
    ]
    rows += [Row(peer, callers) for callers in (1, 16) for peer in HISTORIES]
    rows += [Row(OURS, 64), Row(OURS, 64, processes=2)] if quick else [Row(OURS, 64, processes=2)]
    # Its pipeline hangs on batches of several megabytes, which a log can produce.
    batches = (OURS, FUNCTIONS) if log else (OURS, FUNCTIONS, SOURCING)
    rows += [Row(peer, callers, BATCH) for callers in (1, 4) for peer in batches]
    return [*rows, Row(COPY, 1, BATCH)]


@contextmanager
def hired(cluster: Cluster, log: Path | None) -> Iterator[dict[str, Worker]]:
    """Starts one process for each peer and ends them afterwards."""
    with cluster.connect() as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    os.environ["PORTAL_HOME"] = str(cluster.home)
    os.environ.pop("DATABASE_URL", None)
    workers: dict[str, Worker] = {}
    try:
        for name in PEERS:  # the ledger first: its other processes need its tables
            try:
                workers[name] = Worker(name, cluster, log)
            except LeftOut as reason:
                sys.stderr.write(f"{name} is left out: {reason}\n")
        yield workers
    finally:
        for worker in workers.values():
            worker.end()


def measure(row: Row, workers: dict[str, Worker], seconds: float) -> Figures:
    """Measure one round of one row."""
    crew = [workers[row.peer]] if row.processes == 1 else [workers[OURS], workers[SECOND]]
    order = Order(row.callers // row.processes, row.per_call, seconds)
    for worker in crew:
        worker.make_ready(order)
    for worker in crew:
        worker.go()
    return _figures([worker.taken() for worker in crew])


def _figures(takes: Sequence[Taken]) -> Figures:
    events = sum(taken.events for taken in takes)
    span = max(t.ended for t in takes) - min(t.began for t in takes)
    seconds = takes[0].own_time or span
    latencies = sorted(latency * 1000 for taken in takes for latency in taken.latencies)
    return Figures(
        rate=events / seconds,
        p50=statistics.median(latencies),
        p99=latencies[int(0.99 * (len(latencies) - 1))],
        python=sum(taken.python for taken in takes) / events * 1000,
        # All processes measured the same server over the same time.
        postgres=max(taken.postgres for taken in takes) / events * 1000,
    )


def measure_all(
    cluster: Cluster, workers: dict[str, Worker], quick: bool, log: Path | None
) -> dict[Row, Figures]:
    """Measure all rounds; every other one runs backwards, so that no peer is always first."""
    rounds, seconds = (1, 0.5) if quick else (3, 1.5)
    rows = [row for row in plan(quick, cluster.can_slow, log) if row.peer in workers]
    found: dict[Row, list[Figures]] = defaultdict(list)
    for number in range(rounds):
        for row in rows if number % 2 == 0 else reversed(rows):
            cluster.checkpoint()
            with cluster.slowed(row.slow):
                found[row].append(measure(row, workers, seconds))
            sys.stderr.write(
                f"round {number + 1} of {rounds}: {row.name}, {row.callers} callers, "
                f"{row.per_call:,} events a call, disk {row.disk}: "
                f"{found[row][-1].rate:,.0f} events/s\n"
            )
    return {row: medians(found[row]) for row in rows}


def limits(found: dict[Row, Figures]) -> list[dict[str, Any]]:
    """The promised ratios, for the rows that were measured."""
    best_batch = max(
        (row for row in (Row(FUNCTIONS, 4, BATCH), Row(SOURCING, 4, BATCH)) if row in found),
        key=lambda row: found[row].rate,
    )
    promised = [
        ("64 callers, of plain INSERT", Row(OURS, 64), Row(PLAIN, 64), 1.0),
        ("16 callers, of plain INSERT", Row(OURS, 16), Row(PLAIN, 16), 0.7),
        ("16 callers, of eventsourcing with functions", Row(OURS, 16), Row(FUNCTIONS, 16), 1.6),
        ("16 callers, of eventsourcing without", Row(OURS, 16), Row(SOURCING, 16), 4.5),
        ("1 caller, of plain INSERT", Row(OURS, 1), Row(PLAIN, 1), 0.5),
        ("64 callers, slow disk, of plain INSERT",
         Row(OURS, 64, slow=True), Row(PLAIN, 64, slow=True), 1.2),
        ("2 processes of 32, of one with 64", Row(OURS, 64, processes=2), Row(OURS, 64), 0.75),
        ("batches, 4 callers, of eventsourcing's faster", Row(OURS, 4, BATCH), best_batch, 0.8),
        ("batches, 4 callers, of bare COPY", Row(OURS, 4, BATCH), Row(COPY, 1, BATCH), 0.35),
    ]  # fmt: skip
    return [
        {"what": what, "ratio": ratio, "least": least, "met": ratio >= least}
        for what, one, other, least in promised
        if one in found and other in found
        for ratio in [found[one].rate / found[other].rate]
    ]


def check(workers: dict[str, Worker]) -> int:
    """Require that exactly the acknowledged events are stored, and that they verify."""
    ours = (OURS, SECOND, COPY)
    wanted = {name: worker.acknowledged for name, worker in workers.items() if name not in ours}
    wanted[OURS] = sum(workers[name].acknowledged for name in ours)
    for name, acknowledged in wanted.items():
        rows = workers[name].rows()
        if rows != acknowledged:
            raise SystemExit(f"{name}: {acknowledged:,} events acknowledged, {rows:,} there")
    sys.stderr.write(f"verifying {wanted[OURS]:,} events\n")
    verified = subprocess.run(
        [sys.executable, "manage.py", "verify_ledger", "--json", "--workers", str(os.cpu_count())],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if verified.returncode != 0:
        raise SystemExit(f"the ledger is not sound: {verified.stdout[-2000:]}{verified.stderr}")
    return wanted[OURS]


def report(found: dict[Row, Figures], promised: list[dict[str, Any]], verified: int) -> str:
    """The tables as Markdown."""
    lines = [
        f"{verified:,} events of the ledger verified afterwards, as many as were acknowledged.",
        "",
        "| who | callers | events a call | disk | events/s | p50 ms | p99 ms "
        "| Python s per 1,000 | PostgreSQL s per 1,000 |",
        "|---|---:|---:|---|---:|---:|---:|---:|---:|",
    ]
    for row, f in sorted(found.items(), key=lambda i: (i[0].per_call, i[0].slow, i[0].callers)):
        lines.append(
            f"| {row.name} | {row.callers} | {row.per_call:,} | {row.disk} "
            f"| {f.rate:,.0f} | {f.p50:.2f} | {f.p99:.2f} | {f.python:.3f} | {f.postgres:.3f} |"
        )
    lines += ["", "| ratio | measured | at least | |", "|---|---:|---:|---|"]
    lines += [
        f"| {p['what']} | {p['ratio']:.2f} | {p['least']} | {verdict} |"
        for p in promised
        for verdict in ["met" if p["met"] else "**not met**"]
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure appending, side by side with peers.")
    parser.add_argument("--quick", action="store_true", help="one short round of fewer callers")
    parser.add_argument("--log", type=Path, help="JSON lines to take the payloads from")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args()
    if options.log and not options.log.is_file():
        parser.error(f"--log: there is no file {options.log}")
    with running() as cluster, hired(cluster, options.log) as workers:
        found = measure_all(cluster, workers, options.quick, options.log)
        verified = check(workers)
    promised = limits(found)
    if options.json:
        rows = [vars(row) | vars(figures) for row, figures in found.items()]
        sys.stdout.write(
            json.dumps({"verified": verified, "rows": rows, "limits": promised}) + "\n"
        )
    else:
        sys.stdout.write(report(found, promised, verified) + "\n")


if __name__ == "__main__":
    main()
