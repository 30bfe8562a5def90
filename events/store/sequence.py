"""What was seen of the sequence, kept in the database so that it need not be counted again.

It must never be taken for evidence: every number that it holds is looked at again in rounds, and
the database does the looking itself.

What stands beside a place in the sequence. It must never fetch more than a few columns.

Where a long range may be cut. It must never cut inside a gap, which would then look like two.

Where in the sequence a moment of the authority's clock lies.

It must never be used to leave events out: the clock may have run backwards, the sequence alone
decides the order.

How full each stretch of the sequence is. It must never read more than the index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from events.store.connection import fetch_all, fetch_one


def neighbours(using: str, low: int, high: int) -> tuple[int | None, int | None]:
    """The nearest sequences that are there, at or below `low` and at or above `high`."""
    below, above = fetch_one(using, "sequence_neighbours", {"low": low, "high": high})
    return below, above


def authority_times(using: str, sequences: Iterable[int]) -> dict[int, str]:
    """The authority timestamps of those of `sequences` that are there."""
    return dict(fetch_all(using, "authority_times", {"sequences": list(sequences)}))


def slice_end(using: str, start: int, end: int, size: int) -> int:
    """The last sequence of a slice that begins at `start` and holds at most `size` events.

    It is an event's own place, or `end` where fewer events are left.
    """
    row = fetch_one(using, "slice_end", {"start": start, "end": end, "size": size})
    return end if row is None else int(row[0])


def cut(using: str, start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """start … end as slices that follow one another, each of at most `size` events."""
    while start <= end:
        last = slice_end(using, start, end, size)
        yield start, last
        start = last + 1


def first_sequence_at(using: str, moment: datetime, last_sequence: int) -> int | None:
    """The sequence at which the authority's clock came to `moment`; None when it has not yet.

    Halving needs some twenty-five look-ups by sequence, however long the ledger is. Where the
    clock ran backwards it passed `moment` more than once, and this is one of those places.
    """
    low, high = 1, last_sequence
    found = None
    while low <= high:
        middle = (low + high) // 2
        row = fetch_one(using, "event_from", {"sequence": middle, "end": high, "moment": moment})
        if row is None:
            high = middle - 1
        elif row[1]:
            found, high = row[0], middle - 1
        else:
            low = row[0] + 1
    return found


def present_by_cell(using: str, start: int, end: int, size: int) -> dict[int, int]:
    """Events in each stretch of `size` numbers of start … end, by its place from 0; a stretch
    without any is left out."""
    bounds = {"start": start, "end": end, "size": size}
    return dict(fetch_all(using, "sequences_by_cell", bounds))


ROUND_SECONDS = 30.0
"""How long a round over all old numbers takes, where `MOST_SECONDS` allows it."""

MOST_SECONDS = 0.1
"""The longest look of one call: with a call a second, a tenth of a core at the very most."""


def refresh_continuity_cache(using: str) -> bool:
    """Look at what is new and at the part of the old that is due; whether more is due at once.

    Where somebody else is looking, that is enough.
    """
    limits = {"round_seconds": ROUND_SECONDS, "at_most_seconds": MOST_SECONDS}
    return bool(fetch_one(using, "remember_continuity", limits)[0])


def looked_since(using: str) -> datetime:
    """The moment since which every number that is remembered was looked at once more."""
    since: datetime = fetch_one(using, "looked_since")[0]
    return since
