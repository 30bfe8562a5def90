"""What the ledger has where a head was seen, and which halts ceremonies have cleared.

It must never write, and never take the place of a verification: it looks at single numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from events.store.connection import fetch_all


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
