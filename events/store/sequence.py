"""Positions in the sequence: adjacent events, slices, moments, density, and the continuity cache.

Everything here reads indexes or a few columns. The continuity cache holds which numbers were seen
present, so that they need not be counted again; it is not evidence, and every number in it is
re-checked in rounds by the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from events.store.connection import fetch_all, fetch_one


def neighbours(using: str, low: int, high: int) -> tuple[int | None, int | None]:
    """The nearest existing sequences at or below `low` and at or above `high`."""
    below, above = fetch_one(using, "sequence.neighbours", {"low": low, "high": high})
    return below, above


def authority_times(using: str, sequences: Iterable[int]) -> dict[int, str]:
    """The authority timestamps of the existing events among `sequences`."""
    return dict(fetch_all(using, "sequence.authority_times", {"sequences": list(sequences)}))


def slice_end(using: str, start: int, end: int, size: int) -> int:
    """The last sequence of a slice that begins at `start` and holds at most `size` events.

    Always an event's own sequence, or `end` where fewer events are left: a slice never ends inside
    a gap, which would then look like two.
    """
    row = fetch_one(using, "sequence.slice_end", {"start": start, "end": end, "size": size})
    return end if row is None else int(row[0])


def cut(using: str, start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """start … end as consecutive slices of at most `size` events."""
    while start <= end:
        last = slice_end(using, start, end, size)
        yield start, last
        start = last + 1


def first_sequence_at(using: str, moment: datetime, last_sequence: int) -> int | None:
    """The sequence at which the authority clock reached `moment`; None if it has not yet.

    Binary search: about twenty-five lookups, however long the ledger is. Where the clock ran
    backwards, this is one of several such places. Invariant: only for navigation, never to exclude
    events; the sequence alone decides the order.
    """
    low, high = 1, last_sequence
    found = None
    while low <= high:
        middle = (low + high) // 2
        row = fetch_one(
            using, "sequence.event_from", {"sequence": middle, "end": high, "moment": moment}
        )
        if row is None:
            high = middle - 1
        elif row[1]:
            found, high = row[0], middle - 1
        else:
            low = row[0] + 1
    return found


def present_by_cell(using: str, start: int, end: int, size: int) -> dict[int, int]:
    """Number of events in each stretch of `size` numbers of start … end, by its index from 0; empty
    stretches are left out."""
    bounds = {"start": start, "end": end, "size": size}
    return dict(fetch_all(using, "sequence.by_cell", bounds))


ROUND_SECONDS = 30.0
"""Target duration of a round over all old numbers, as far as `MOST_SECONDS` allows."""

MOST_SECONDS = 0.1
"""Time limit of one call: with a call per second, a tenth of a core at most."""


def refresh_continuity_cache(using: str) -> bool:
    """Check new numbers and the part of the old ones that is due; True if more is due at once.

    Returns at once if another session is doing it.
    """
    limits = {"round_seconds": ROUND_SECONDS, "at_most_seconds": MOST_SECONDS}
    return bool(fetch_one(using, "sequence.remember_continuity", limits)[0])


def looked_since(using: str) -> datetime:
    """Every cached number was re-checked since this moment."""
    since: datetime = fetch_one(using, "sequence.looked_since")[0]
    return since
