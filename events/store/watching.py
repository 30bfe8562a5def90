"""What the watch asks of the ledger beyond what others ask: its own earlier findings, and forks.

It must never write.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from events.store.connection import fetch_all


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
