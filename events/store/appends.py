"""Reading the record of appends, to compare it with the events. It must never write."""

from __future__ import annotations

from dataclasses import dataclass

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
