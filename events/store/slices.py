"""Where a long range may be cut. It must never cut inside a gap, which would then look like two."""

from __future__ import annotations

from collections.abc import Iterator

from events.store.connection import fetch_one


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
