"""Measures reads over a filled ledger: gaps, ranges, pages, exports.

Each line is a ratio of two things measured in turn in one run, so that other load on the machine
affects both. The ledger is the embedded one in PORTAL_HOME, written by `bench.fill`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import django
import orjson

RUNS = 7
RANGE = 1_000
EXPORTED = 50_000


@dataclass(frozen=True)
class Line:
    """Medians in milliseconds of the measured operation and of its reference."""

    name: str
    milliseconds: float
    against: str
    their_milliseconds: float

    @property
    def ratio(self) -> float:
        return self.milliseconds / self.their_milliseconds

    def row(self) -> str:
        return (
            f"| {self.name} | {self.milliseconds:.2f} | {self.against} "
            f"| {self.their_milliseconds:.2f} | {self.ratio:.2f} |"
        )


def compare(
    name: str, ours: Callable[[], object], against: str, theirs: Callable[[], object]
) -> Line:
    """Run both in turn, once to warm up and `RUNS` times to measure."""
    spent: tuple[list[float], list[float]] = ([], [])
    for run in range(RUNS + 1):
        for times, work in zip(spent, (ours, theirs), strict=True):
            began = time.perf_counter()
            work()
            if run:
                times.append((time.perf_counter() - began) * 1000)
    return Line(name, statistics.median(spent[0]), against, statistics.median(spent[1]))


def measure_gaps(last: int) -> list[Line]:
    """All gaps, counted and cached; the cache is updated first."""
    from django.db import connections

    from events.store.ledger import PostgresEventStore
    from events.store.sequence import refresh_continuity_cache

    store = PostgresEventStore()
    while refresh_continuity_cache("default"):
        pass

    def window() -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM (SELECT sequence, lead(sequence) OVER (ORDER BY sequence)"
                " AS next FROM events) pairs WHERE next > sequence + 1"
            )
            cursor.fetchall()

    counted = "gaps, every number counted"
    return [
        compare(counted, lambda: store.find_gaps(1, last), "window function", window),
        compare(
            "gaps, from the memory and what is new",
            lambda: store.find_gaps(1, last, remembered=True),
            counted,
            lambda: store.find_gaps(1, last),
        ),
    ]


def measure_ranges(last: int) -> list[Line]:
    """A range of 1,000 as events, against fetching the same rows with bare psycopg."""
    from django.db import connections

    from events.format.event import FIELDS
    from events.store.ledger import EventFilter, PostgresEventStore

    import psycopg  # isort: skip

    store, lines = PostgresEventStore(), []
    place = connections["default"]
    place.ensure_connection()
    bare = psycopg.connect(place.connection.info.dsn, autocommit=True)
    columns = ", ".join(FIELDS)

    def fetch(start: int) -> list[Any]:
        query = f"SELECT {columns} FROM events WHERE sequence BETWEEN %s AND %s ORDER BY sequence"  # noqa: S608
        return bare.execute(query, [start, start + RANGE - 1]).fetchall()

    for where, start in {"first": 1, "middle": last // 2, "last": last - RANGE + 1}.items():
        chosen = EventFilter(start=start, end=start + RANGE - 1)
        lines.append(
            compare(
                f"range of 1,000, {where}",
                lambda chosen=chosen: store.select(chosen, limit=RANGE),  # type: ignore[misc]
                "psycopg alone",
                lambda start=start: fetch(start),  # type: ignore[misc]
            )
        )
    bare.close()
    return lines


def measure_pages(last: int) -> list[Line]:
    """Deep pages against first ones."""
    from bench.play import RARE_TYPE
    from events.store.ledger import EventFilter, PostgresEventStore
    from events.store.search import search

    store, lines = PostgresEventStore(), []
    filters: dict[str, dict[str, Any]] = {
        "no filter": {},
        "a busy agent": {"agent_id": "door-controller-01"},
        "a rare type": {"event_types": [RARE_TYPE]},
        "drifted": {"drifted": True},
        "drifted, an agent that never is": {"drifted": True, "agent_id": "door-controller-01"},
    }
    for name, chosen in filters.items():

        def page(end: int, chosen: dict[str, Any] = chosen) -> object:
            wanted = EventFilter(start=1, end=end, **chosen)
            return search(store, wanted, limit=50, seconds=5, newest_first=True)

        lines.append(
            compare(
                f"deep page, {name}",
                lambda page=page: page(last // 2),  # type: ignore[misc]
                "first page",
                lambda page=page: page(last),  # type: ignore[misc]
            )
        )
    return lines


def measure_exports(last: int) -> list[Line]:
    """An export by COPY, against fetching and writing the same events one by one."""
    from events.store.ledger import EventFilter, PostgresEventStore
    from observers.export import FORMATS, stream, walk

    store = PostgresEventStore()
    chosen = EventFilter(start=1, end=min(last, EXPORTED))
    lines = []
    for name, form in FORMATS.items():

        def copied(form: Any = form) -> int:
            return sum(len(piece) for piece in stream(store, form, chosen))

        def written(form: Any = form) -> int:
            return sum(len(form.write(event)) for event in walk(store, chosen))

        title = f"export of {chosen.end:,} events, {name}"
        lines.append(compare(title, copied, "fetched and written", written))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure reads over the ledger that is there.")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--only", default="", help="gaps, ranges, pages or exports")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "auditportal.settings")
    os.environ.setdefault("PORTAL_LOG_LEVEL", "ERROR")
    django.setup()
    from events.store.ledger import PostgresEventStore

    last = PostgresEventStore().last_sequence()
    if not last:
        sys.exit("reading: the ledger is empty; run bench.fill first")
    parts = {
        "gaps": measure_gaps,
        "ranges": measure_ranges,
        "pages": measure_pages,
        "exports": measure_exports,
    }
    lines = [line for name, part in parts.items() if options.only in name for line in part(last)]
    if options.json:
        found = [asdict(line) | {"ratio": line.ratio} for line in lines]
        sys.stdout.write(orjson.dumps({"events": last, "lines": found}).decode() + "\n")
        return
    head = ["| | ms | against | ms | ratio |", "|---|---:|---|---:|---:|"]
    rows = [line.row() for line in lines]
    sys.stdout.write(f"{last:,} events, medians of {RUNS}.\n\n" + "\n".join(head + rows) + "\n")


if __name__ == "__main__":
    main()
