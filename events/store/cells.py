"""How full each stretch of the sequence is. It must never read more than the index."""

from __future__ import annotations

from events.store.connection import fetch_all


def present_by_cell(using: str, start: int, end: int, size: int) -> dict[int, int]:
    """Events in each stretch of `size` numbers of start … end, by its place from 0; a stretch
    without any is left out."""
    bounds = {"start": start, "end": end, "size": size}
    return dict(fetch_all(using, "sequences_by_cell", bounds))
