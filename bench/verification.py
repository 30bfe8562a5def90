"""Compares verification of a filled ledger with what the processors allow.

The ceiling is the same Ed25519 verifications of the ledger's signatures without anything else. All
are measured in turn, each in a separate process, so that process start counts for all alike. The
ledger is the embedded one in PORTAL_HOME, written by `bench.fill`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import Any

ROUNDS = 3
SIGNED = 120_000
"""Events of a full verification."""

HASHED = 600_000
"""Events of one that checks hashes and links alone."""

Message = tuple[bytes, bytes, bytes]
"""Key, message, signature."""


@dataclass(frozen=True)
class Line:
    """Events a second, the median of the rounds."""

    name: str
    rate: float


@dataclass(frozen=True)
class Limit:
    """A ratio or a rate, and its required minimum."""

    name: str
    measured: float
    least: float

    @property
    def is_met(self) -> bool:
        return self.measured >= self.least


def messages(count: int) -> list[Message]:
    """The signed messages of the first events, with their keys."""
    from events.format import ed25519, event
    from events.store.ledger import PostgresEventStore
    from observers.verification.keyring import keyring_from_registry

    keys = keyring_from_registry("default")
    found: list[Message] = []
    for one in PostgresEventStore().get_events_by_sequence_range(1, count):
        signable, signature = one.signable_content(), ed25519.decode(one.signature)
        agent, witness = keys.agents[one.signing_key_id], keys.witnesses[one.witness_id]
        found.append((agent.public_key, event.agent_message(signable), signature))
        attestation = ed25519.decode(one.witness_signature)
        message = event.witness_message(signature, signable)
        found.append((witness.public_key, message, attestation))
    return found


def verify_all(signed: list[Message]) -> float:
    """Seconds that the signature verifications take."""
    from events.format import ed25519

    began = time.perf_counter()
    for key, message, signature in signed:
        ed25519.verify(key, message, signature)
    return time.perf_counter() - began


def ceiling(signed: list[Message], processes: int) -> float:
    """Events a second, two signatures each, in so many parallel processes."""
    if processes == 1:
        return len(signed) / 2 / verify_all(signed)
    parts = [signed[number::processes] for number in range(processes)]
    with get_context("spawn").Pool(processes) as pool:
        return len(signed) / 2 / max(pool.map(verify_all, parts))


def verify_ledger(count: int, workers: int, *options: str) -> float:
    """Events a second of the command, start included."""
    began = time.perf_counter()
    done = subprocess.run(
        [
            sys.executable, "manage.py", "verify_ledger", "--json",
            "--end", str(count), "--workers", str(workers), *options,
        ],
        stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    report = json.loads(done.stdout)
    if not report["is_sound"] or report["checked"] != count:
        raise SystemExit(f"bench.verification: the ledger is not sound: {report['finding_count']}")
    return count / seconds


def measure(rounds: int) -> list[Line]:
    """Measure everything in turn, round by round."""
    from events.store.ledger import PostgresEventStore

    last = PostgresEventStore().get_max_sequence()
    signed_count, hashed_count = min(SIGNED, last), min(HASHED, last)
    if last < 1000:
        raise SystemExit("bench.verification: fill PORTAL_HOME first: python -m bench.fill")
    signed = messages(signed_count)
    cases: dict[str, Callable[[], float]] = {
        "Ed25519 alone, one process": lambda: ceiling(signed, 1),
        "Ed25519 alone, two processes": lambda: ceiling(signed, 2),
        "full, 1 worker": lambda: verify_ledger(signed_count, 1),
        "full, 2 workers": lambda: verify_ledger(signed_count, 2),
        "hashes and links, 1 worker": lambda: verify_ledger(hashed_count, 1, "--no-signatures"),
        "hashes and links, 2 workers": lambda: verify_ledger(hashed_count, 2, "--no-signatures"),
    }
    rates: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, measured in cases.items():
            rates[name].append(measured())
    return [Line(name, statistics.median(found)) for name, found in rates.items()]


def limits(lines: list[Line]) -> list[Limit]:
    """The promised limits of these figures."""
    rate = {line.name: line.rate for line in lines}
    one = rate["full, 1 worker"]
    return [
        Limit("full, 1 worker, of Ed25519 alone", one / rate["Ed25519 alone, one process"], 0.7),
        Limit("full, 2 workers, of 1 worker", rate["full, 2 workers"] / one, 1.8),
        Limit("hashes and links, 1 worker, events/s", rate["hashes and links, 1 worker"], 80_000),
        Limit(
            "hashes and links, 2 workers, events/s", rate["hashes and links, 2 workers"], 130_000
        ),
    ]


def report(lines: list[Line]) -> str:
    """The tables as Markdown."""
    rows = ["| what | events/s |", "|---|---:|"]
    rows += [f"| {line.name} | {line.rate:,.0f} |" for line in lines]
    rows += ["", "| limit | measured | at least | |", "|---|---:|---:|---|"]
    rows += [
        f"| {limit.name} | {_figure(limit.measured)} | {_figure(limit.least)} "
        f"| {'met' if limit.is_met else '**not met**'} |"
        for limit in limits(lines)
    ]
    return "\n".join(rows)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure verification over the filled ledger.")
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "auditportal.settings")
    os.environ.setdefault("PORTAL_LOG_LEVEL", "ERROR")
    import django

    django.setup()
    lines = measure(1 if options.quick else ROUNDS)
    if options.json:
        document: dict[str, Any] = {
            "lines": [asdict(line) for line in lines],
            "limits": [asdict(limit) | {"met": limit.is_met} for limit in limits(lines)],
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return
    sys.stdout.write(report(lines) + "\n")


if __name__ == "__main__":
    main()
