"""Measures the server time of each page over a large ledger and writes it to `bench/README.md`.

A request passes through all of Django in this process (middleware, session, queries, templates)
with the portal's settings; only the socket is missing. "Fresh process" is the first answer with
empty caches, which counts every sequence number once; median and worst are of the answers after
it. The limit applies to the median: the worst also reflects other load on the machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import django

from bench import table
from bench.play import FAST_AGENT, RARE_AGENT, RARE_TYPE, STUCK_AGENT

LIMIT_MS = 200
RUNS = 15


@dataclass(frozen=True)
class Measured:
    """One address and the milliseconds of its answers."""

    name: str
    fresh: float
    later: tuple[float, ...]

    @property
    def within(self) -> bool:
        return statistics.median(self.later) <= LIMIT_MS

    def row(self) -> str:
        verdict = "yes" if self.within else "**no**"
        median, worst = statistics.median(self.later), max(self.later)
        return f"| {self.name} | {self.fresh:.0f} | {median:.0f} | {worst:.0f} | {verdict} |"


def addresses(last: int, drifted: int, event_id: str) -> dict[str, str]:
    """The measured pages: name and address."""
    deep, middle = last // 50, last // 2
    return {
        "overview": "/",
        "events, first page": "/events/",
        "events, oldest first": "/events/?order=oldest",
        "events, deep page": f"/events/?before={deep}",
        "events, by a busy agent": "/events/?agent_id=door-controller-01",
        "events, by a busy agent, deep": f"/events/?agent_id=door-controller-01&before={deep}",
        "events, by a rare agent": f"/events/?agent_id={RARE_AGENT}",
        "events, by an unknown agent": "/events/?agent_id=nobody",
        "events, by a busy type": "/events/?event_type=door.opened",
        "events, by a rare type": f"/events/?event_type={RARE_TYPE}",
        "events, by agent and rare type": (
            f"/events/?agent_id=door-controller-01&event_type={RARE_TYPE}"
        ),
        "events, drifted": "/events/?drifted=true",
        "events, drifted, deep": f"/events/?drifted=true&before={deep}",
        "events, drifted, by the 1970 clock": f"/events/?drifted=true&agent_id={STUCK_AGENT}",
        "events, drifted, by a good clock": "/events/?drifted=true&agent_id=door-controller-01",
        "events, not drifted": "/events/?drifted=false",
        "events, a range": f"/events/?start={middle}&end={middle + 5000}",
        "one event": f"/events/{middle}/",
        "one event that drifted": f"/events/{drifted}/",
        "an event by its id": f"/events/by-id/{event_id}/",
        "gaps": "/gaps/",
        "drift": "/drift/",
        "drift, one agent": f"/drift/?agent_id={FAST_AGENT}",
        "verifications": "/verifications/",
        "API: head": "/api/v1/head",
        "API: a range, deep": f"/api/v1/events?after={middle}&limit=100",
        "API: a range, 1,000 events": f"/api/v1/events?after={middle}&limit=1000",
        "API: continuity of 100,000": (f"/api/v1/continuity?start={middle}&end={middle + 99_999}"),
        "API: drift warnings": "/api/v1/drift-warnings",
        "admin: events": "/admin/events/ledgerevent/",
        "admin: events, last page": f"/admin/events/ledgerevent/?p={last // 100}",
        "admin: drift warnings": "/admin/events/clockdriftwarning/",
    }


def measure(client: Any, name: str, address: str) -> Measured | None:
    """Measure one page; None if it does not exist."""
    from django.core.cache import cache

    cache.clear()
    fresh = _milliseconds(client, address)
    if fresh is None:
        return None
    later = tuple(_milliseconds(client, address) or 0.0 for _ in range(RUNS))
    return Measured(name, fresh, later)


def _milliseconds(client: Any, address: str) -> float | None:
    began = time.perf_counter()
    response = client.get(address)
    for _ in response.streaming_content if response.streaming else ():
        pass
    spent = (time.perf_counter() - began) * 1000
    if response.status_code == 404:
        return None
    if response.status_code in (301, 302):
        return spent
    if response.status_code != 200:
        sys.exit(f"{address} answers {response.status_code}")
    return spent


def measure_all(only: str) -> Iterator[Measured]:
    """Measure each page in turn and print it at once."""
    client, facts = _client(), _facts()
    for name, address in addresses(*facts).items():
        if only not in name:
            continue
        measured = measure(client, name, address)
        sys.stderr.write(f"{measured.row() if measured else f'| {name} | no such page'}\n")
        if measured:
            yield measured


def _client() -> Any:
    """A test client signed in as staff."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    name = "bench"
    accounts = get_user_model()._default_manager
    account = accounts.filter(username=name).first()
    if account is None:
        account = get_user_model()(username=name, is_staff=True, is_superuser=True)
        account.set_unusable_password()
        account.save()
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(account)
    return client


def _facts() -> tuple[int, int, str]:
    """The head, a drifted event near the middle, and an event's id."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT max(last_sequence) FROM appends")
        (last,) = cursor.fetchone()
        if not last:
            sys.exit("pages: the ledger is empty; run bench.fill first")
        cursor.execute(
            "SELECT e.sequence, e.event_id::text FROM clock_drift_warnings w"
            " JOIN events e USING (event_id)"
            " WHERE w.id = (SELECT max(id) / 2 FROM clock_drift_warnings)"
        )
        drifted, event_id = cursor.fetchone()
    return last, drifted, event_id


def report(results: list[Measured]) -> str:
    """The table as Markdown, with the size of the ledger."""
    last, _, _ = _facts()
    lines = [
        f"{last:,} events. Milliseconds on the server; {RUNS} answers each after the first. "
        f"Limit: {LIMIT_MS} ms, for the median.",
        "",
        "| page | fresh process | median | worst | within the limit |",
        "|---|---:|---:|---:|---|",
        *(result.row() for result in results),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the pages over the ledger that is there.")
    parser.add_argument("--only", default="", help="names that hold this text")
    parser.add_argument("--write", action="store_true", help="put the table into bench/README.md")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "auditportal.settings")
    os.environ.setdefault("PORTAL_LOG_LEVEL", "ERROR")
    django.setup()
    text = report(list(measure_all(options.only)))
    sys.stdout.write(text + "\n")
    if options.write:
        table.write("pages", "Pages", text)


if __name__ == "__main__":
    main()
