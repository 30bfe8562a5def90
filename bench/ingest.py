"""Measures `ingest` of whole files against a temporary ledger: rate, time, memory.

The command runs as a separate process, start included, as an operator runs it. Every line must be
in the ledger afterwards; speeds are printed, not asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from bench.cluster import Cluster, running
from bench.machine import machine
from bench.proc import resident_bytes, seconds_below

SHORT, WINDOWS, AGAIN = "short lines", "Windows events", "short lines again"
LIMITS = {SHORT: 5_000.0, WINDOWS: 3_000.0}
"""Lines a second on a machine of two processors with nothing else to do."""

MAX_MEGABYTES = 120.0
"""Resident memory of the process and of each of its helpers, whatever the size of the file."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: lines, their mean size, and their cost. CPU is in seconds."""

    name: str
    lines: int
    size: float
    seconds: float
    python: float
    postgres: float
    megabytes: float

    @property
    def rate(self) -> float:
        """Lines a second."""
        return self.lines / self.seconds


def short_lines() -> Iterator[bytes]:
    """Lines of about 110 bytes, like those of a web application."""
    for number in range(10**9):
        yield json.dumps(
            {
                "ts": f"2026-01-02T03:04:05.{number % 1000:03d}Z",
                "level": "info",
                "user": f"u{number % 50}",
                "action": "door.open",
                "n": number,
                "ok": True,
            }
        ).encode()


def windows_events(log: Path | None) -> Iterator[bytes]:
    """The lines of a log, repeated; without a log, generated events of about 1.5 KB."""
    if log is not None:
        return cycle(log.read_bytes().splitlines())
    return map(_windows_event, range(10**9))


def _windows_event(number: int) -> bytes:
    path = f"C:\\Windows\\System32\\{number % 97}\\powershell.exe"
    event = {
        "EventID": number % 40,
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "Hostname": f"WORKSTATION{number % 9}.example.test",
        "EventTime": "2026-01-02 03:04:05",
        "Keywords": -9223372036854775808,
        "RecordNumber": number,
        "Image": path,
        "CommandLine": path + " -NoProfile -File " + "x" * 300,
        "Message": "\r\n".join(f"Field{n}: value {n} of event {number}" for n in range(24)),
    }
    return json.dumps(event).encode()


def write_log(path: Path, lines: Iterable[bytes], count: int) -> float:
    """Write a file of so many lines; their mean size."""
    with path.open("wb") as file:
        for line in islice(lines, count):
            file.write(line + b"\n")
    return path.stat().st_size / count


def ingest(cluster: Cluster, name: str, path: Path, size: float, count: int) -> Measured:
    """Run the command once over a file."""
    cluster.checkpoint()
    database = seconds_below(cluster.pid)
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "ingest", "--json", "--verbosity", "0", str(path)],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    memory = _Memory(process.pid)
    out, _ = process.communicate()
    seconds = time.monotonic() - began
    memory.stop()
    if process.returncode != 0:
        raise SystemExit(f"{name}: ingest ended with {process.returncode}: {out.decode()}")
    counts = json.loads(out)["inputs"][0]
    if counts["added"] + counts["already_there"] != count:
        raise SystemExit(f"{name}: {counts}")
    used = memory.cpu
    database = seconds_below(cluster.pid) - database
    return Measured(name, count, size, seconds, used, database, memory.most)


class _Memory(threading.Thread):
    """Samples resident memory and processor time of a process and its children."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = threading.Event()
        self.most = self.cpu = 0.0
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.05):
            for pid in (self._pid, *_children(self._pid)):
                self.most = max(self.most, resident_bytes(pid) / 10**6)
            self.cpu = max(self.cpu, seconds_below(self._pid))

    def stop(self) -> None:
        """The process has ended."""
        self._ended.set()
        self.join()


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def measure(cluster: Cluster, count: int, log: Path | None) -> list[Measured]:
    """Import every file once, and the first again, which adds nothing."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        short, windows = Path(folder) / "short.jsonl", Path(folder) / "windows.jsonl"
        size = write_log(short, short_lines(), count)
        found.append(ingest(cluster, SHORT, short, size, count))
        found.append(ingest(cluster, AGAIN, short, size, count))
        count = count * 3 // 5
        size = write_log(windows, windows_events(log), count)
        found.append(ingest(cluster, WINDOWS, windows, size, count))
    return found


def report(found: Sequence[Measured]) -> str:
    """The table, and which limits were met."""
    lines = [
        "| file | lines | bytes a line | lines/s | Python s per 1,000 "
        "| PostgreSQL s per 1,000 | MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for one in found:
        per = one.lines / 1000
        lines.append(
            f"| {one.name} | {one.lines:,} | {one.size:,.0f} | {one.rate:,.0f} "
            f"| {one.python / per:.3f} | {one.postgres / per:.3f} | {one.megabytes:.0f} |"
        )
    lines.append("")
    for one in found:
        if limit := LIMITS.get(one.name):
            met = "met" if one.rate >= limit else "not met"
            lines.append(f"- {one.name}: {one.rate:,.0f} lines/s of {limit:,.0f}: {met}")
    most = max(one.megabytes for one in found)
    met = "met" if most <= MAX_MEGABYTES else "not met"
    lines.append(f"- memory: {most:.0f} MB of {MAX_MEGABYTES:.0f}: {met}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=50_000, help="short lines [50000]")
    parser.add_argument("--log", type=Path, help="a file whose lines stand for Windows events")
    parser.add_argument("--rounds", type=int, default=1, help="print so many tables [1]")
    arguments = parser.parse_args()
    for _ in range(arguments.rounds):
        with running() as cluster:
            os.environ["PORTAL_HOME"] = str(cluster.home)
            os.environ.pop("DATABASE_URL", None)
            for command in (["migrate", "-v0"], ["apply_grants"], ["ensure_keys"]):
                subprocess.run(
                    [sys.executable, "manage.py", *command], check=True, stdout=sys.stderr
                )
            found = measure(cluster, arguments.lines, arguments.log)
            sys.stdout.write(f"{machine()}\n\n{report(found)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
