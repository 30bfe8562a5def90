"""What stands beside a place in the sequence. It must never fetch more than a few columns."""

from __future__ import annotations

from collections.abc import Iterable

from events.store.connection import fetch_all, fetch_one


def neighbours(using: str, low: int, high: int) -> tuple[int | None, int | None]:
    """The nearest sequences that are there, at or below `low` and at or above `high`."""
    below, above = fetch_one(using, "sequence_neighbours", {"low": low, "high": high})
    return below, above


def authority_times(using: str, sequences: Iterable[int]) -> dict[int, str]:
    """The authority timestamps of those of `sequences` that are there."""
    return dict(fetch_all(using, "authority_times", {"sequences": list(sequences)}))
