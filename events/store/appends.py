"""Reading the record of appends, to compare it with the events. It must never write."""

from __future__ import annotations

from dataclasses import dataclass

from events.store.connection import fetch_all


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An append whose last event is missing (None) or hashes otherwise."""

    sequence: int
    recorded_hash: str
    found_hash: str | None


def disagreements(using: str, start: int, end: int, *, limit: int) -> list[Disagreement]:
    """The first appends inside start … end that disagree with the events."""
    rows = fetch_all(using, "appends_disagreeing", {"start": start, "end": end, "limit": limit})
    return [Disagreement(*row) for row in rows]
