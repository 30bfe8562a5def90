"""Reading the record of appends, to compare it with the events. It must never write.

What the ledger has where a head was seen, and which halts ceremonies have cleared.

It must never write, and never take the place of a verification: it looks at single numbers.

The tables read page by page as they lie, and each row looked up in the indexes: what an index
does not lead to is hidden from whoever reads by it, and what is about no event stands for none.

What the watch asks of the ledger beyond what others ask: its own earlier findings, and forks.

It must never write.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction

from events.store.connection import fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class Append:
    """A row of `appends`. Only a superuser can have left out a column (None)."""

    last_sequence: int
    first_sequence: int | None
    content_hash: str | None
    authority_timestamp: str | None
    event_count: int | None


def covering(using: str, start: int, end: int) -> list[Append]:
    """The appends whose numbers touch start … end, in order, after the one before them if there
    is one: at most one a number and two more."""
    rows = fetch_all(using, "appends_covering", {"start": start, "end": end})
    return [Append(*row) for row in rows]


def below_one(using: str, *, limit: int) -> list[int | None]:
    """The last sequences of rows that lie outside the sequence."""
    return [last for (last,) in fetch_all(using, "appends_below_one", {"limit": limit})]


def latest_authority(using: str, start: int, end: int) -> tuple[int, str]:
    """How many events of a stretch are there, and the latest of their authority times or ""."""
    count, latest = fetch_one(using, "latest_authority", {"start": start, "end": end})
    return int(count), latest or ""


@dataclass(frozen=True, slots=True)
class Kept:
    """The hash of the event at a number, and the one that an append recorded as its last there;
    None where there is none."""

    event_hash: str | None = None
    append_hash: str | None = None


def hashes_at(using: str, sequences: Iterable[int]) -> dict[int, Kept]:
    """What is kept at each of these numbers."""
    rows = fetch_all(using, "heads_at", {"sequences": sorted(set(sequences))})
    return {sequence: Kept(*hashes) for sequence, *hashes in rows}


def cleared_halts(using: str, beginning: str) -> list[tuple[int, str]]:
    """Sequence and halt reason of each ceremony that cleared a halt whose reason begins so,
    newest first."""
    return [tuple(row) for row in fetch_all(using, "cleared_halts", {"beginning": beginning})]


TABLES = ("events", "appends", "clock_drift_warnings", "drifted_events")


def count_pages(using: str) -> dict[str, int]:
    """How many pages each table has."""
    rows = fetch_all(using, "pages_of_tables", {"tables": list(TABLES)})
    return dict(zip(TABLES, (pages for (pages,) in rows), strict=True))


def outside_indexes(
    using: str, table: str, first: int, end: int, *, limit: int
) -> list[tuple[int | None, str | None]]:
    """Number and id of the rows in pages first … end - 1 that an index does not lead to."""
    pages = {"first": f"({first},0)", "end": f"({end},0)", "limit": limit}
    with transaction.atomic(using=using):
        fetch_one(using, "only_indexes")
        return fetch_all(using, f"{table}_outside_indexes", pages)


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One event of the watch: `finding` names what it speaks of, `detail` and `deviation` (as
    JSON) say what was found of an event or a guard."""

    sequence: int
    event_type: str
    finding: str
    authority_timestamp: str
    detail: str = ""
    deviation: str = "null"


@dataclass(frozen=True, slots=True)
class Fork:
    """Two or more events that name one predecessor."""

    prev_hash: str
    sequences: tuple[int, ...]


def recorded_events(using: str, types: Sequence[str]) -> list[RecordedEvent]:
    """Every event of these types that the system wrote, lowest first."""
    return [
        RecordedEvent(*row) for row in fetch_all(using, "recorded_findings", {"types": list(types)})
    ]


def find_forks(using: str, suspects: Iterable[int], *, limit: int) -> list[Fork]:
    """The forks that one of the suspects is a side of."""
    wanted = {"suspects": sorted(suspects), "limit": limit}
    if not wanted["suspects"]:
        return []
    return [Fork(prev, tuple(sides)) for prev, sides in fetch_all(using, "forks", wanted)]
