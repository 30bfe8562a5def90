"""Read-only queries for verification and watch: appends, heads, forks, recorded findings, stray
rows.

Tables are also read page by page and each row is looked up in the indexes: a row that an index does
not lead to is hidden from every reader that uses the index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction

from events.store.connection import fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class Append:
    """A row of `appends`. None only where a superuser bypassed the constraints."""

    last_sequence: int
    first_sequence: int | None
    content_hash: str | None
    authority_timestamp: str | None
    event_count: int | None


def covering(using: str, start: int, end: int) -> list[Append]:
    """The appends that overlap start … end, in order, preceded by the one before them if there is
    one: at most one per number and two more."""
    rows = fetch_all(using, "integrity.appends_covering", {"start": start, "end": end})
    return [Append(*row) for row in rows]


def events_below_one(using: str, *, limit: int) -> list[tuple[int | None, str | None]]:
    """Sequence and id of the rows of events outside the sequence: below 1, or NULL."""
    return fetch_all(using, "integrity.events_below_one", {"limit": limit})


def appends_below_one(using: str, *, limit: int) -> list[int | None]:
    """The last sequences of the rows of appends outside the sequence."""
    return [last for (last,) in fetch_all(using, "integrity.appends_below_one", {"limit": limit})]


def latest_authority(using: str, start: int, end: int) -> tuple[int, str]:
    """The number of events in a range, and the latest of their authority times or ""."""
    count, latest = fetch_one(using, "integrity.latest_authority", {"start": start, "end": end})
    return int(count), latest or ""


@dataclass(frozen=True, slots=True)
class Kept:
    """The hash of the event at a sequence, and the hash that an append recorded as its last there;
    None if there is none."""

    event_hash: str | None = None
    append_hash: str | None = None


def hashes_at(using: str, sequences: Iterable[int]) -> dict[int, Kept]:
    """The stored hashes at each of these sequences."""
    rows = fetch_all(using, "integrity.heads_at", {"sequences": sorted(set(sequences))})
    return {sequence: Kept(*hashes) for sequence, *hashes in rows}


def cleared_halts(using: str, beginning: str) -> list[tuple[int, str]]:
    """Sequence and halt reason of each ceremony that cleared a halt whose reason has this prefix,
    newest first."""
    return [
        tuple(row) for row in fetch_all(using, "integrity.cleared_halts", {"beginning": beginning})
    ]


TABLES = ("events", "appends", "clock_drift_warnings", "drifted_events")


def count_pages(using: str) -> dict[str, int]:
    """Number of pages of each table."""
    rows = fetch_all(using, "integrity.pages_of_tables", {"tables": list(TABLES)})
    return dict(zip(TABLES, (pages for (pages,) in rows), strict=True))


def outside_indexes(
    using: str, table: str, first: int, end: int, *, limit: int
) -> list[tuple[int | None, str | None]]:
    """Sequence and id of the rows in pages first … end - 1 that are missing from an index."""
    pages = {"first": f"({first},0)", "end": f"({end},0)", "limit": limit}
    with transaction.atomic(using=using):
        fetch_one(using, "integrity.only_indexes")
        return fetch_all(using, f"integrity.{table}_outside_indexes", pages)


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One event recorded by the watch: `finding` names its finding, `detail` and `deviation` (JSON)
    describe an event or a guard."""

    sequence: int
    event_type: str
    finding: str
    authority_timestamp: str
    detail: str = ""
    deviation: str = "null"


@dataclass(frozen=True, slots=True)
class Fork:
    """Two or more events with the same predecessor."""

    prev_hash: str
    sequences: tuple[int, ...]


def recorded_events(using: str, types: Sequence[str]) -> list[RecordedEvent]:
    """Every event of these types that the system wrote, lowest first."""
    return [
        RecordedEvent(*row)
        for row in fetch_all(using, "integrity.recorded_findings", {"types": list(types)})
    ]


def find_forks(using: str, suspects: Iterable[int], *, limit: int) -> list[Fork]:
    """The forks that involve one of the suspects."""
    wanted = {"suspects": sorted(suspects), "limit": limit}
    if not wanted["suspects"]:
        return []
    return [Fork(prev, tuple(sides)) for prev, sides in fetch_all(using, "integrity.forks", wanted)]
