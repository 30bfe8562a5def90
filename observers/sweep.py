"""Compares the rows of the tables with the indexes that lead to them, a piece at a time, in turn.

A row that was inserted while an index took no entries is there for whoever reads the table as it
lies, and not for whoever looks it up; no walk along the sequence meets it, nor what is said of the
clocks of an event that is not there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from events.store.heap import count_pages, outside_indexes
from observers.checks import Check
from observers.strays import MOST, Stray

PIECE = 1_000
"""Pages of 8 KiB compared by one statement."""

SECONDS = 0.5
"""How long one look of the watch compares; the next one goes on."""

Piece = tuple[str, int, int]


@dataclass
class Sweep:
    """Where the round over all pages is, and what was found in each piece when it was last looked
    at."""

    found: dict[Piece, list[Stray]] = field(default_factory=dict)
    is_whole: bool = False
    """Whether every page was looked at at least once."""
    _left: list[Piece] = field(default_factory=list)

    def go_on(self, using: str, seconds: float = SECONDS) -> list[Stray]:
        """Compare for so long, then say all that is known to be hidden."""
        began = time.monotonic()
        pieces = self._left or list(pieces_of(using))
        while pieces:
            piece = pieces.pop(0)
            self.found[piece] = compare(using, piece)
            if time.monotonic() - began >= seconds:
                break
        self._left = pieces
        self.is_whole = self.is_whole or not pieces
        return [each for strays in self.found.values() for each in strays]


def pieces_of(using: str) -> Iterator[Piece]:
    """All pages of the tables, in pieces."""
    for table, pages in count_pages(using).items():
        for first in range(0, pages, PIECE):
            yield table, first, first + PIECE


def compare(using: str, piece: Piece) -> list[Stray]:
    """The rows of a piece that an index does not lead to, or that are about no event."""
    table, first, end = piece
    rows = outside_indexes(using, table, first, end, limit=MOST)
    return [_stray(table, sequence, event_id) for sequence, event_id in rows]


def _stray(table: str, sequence: int | None, event_id: str | None) -> Stray:
    number = "none" if sequence is None else sequence
    if table == "appends":
        text = f"an append that ends with {number} is hidden from the index of appends"
        return Stray(f"append/hidden/{number}", sequence, "hidden", text, Check.HEAD)
    if table == "clock_drift_warnings":
        text = f"a warning of clock drift is about event {event_id}, which is not there"
        return Stray(f"warning/{event_id}", None, "no_event", text, Check.RECORDS)
    if table == "drifted_events":
        text = f"the list of drifted events has the number {number}, which no event has had"
        return Stray(f"drifted/{number}", sequence, "no_event", text, Check.RECORDS)
    text = f"event {event_id} with the number {number} is hidden from an index"
    return Stray(f"hidden/{number}/{event_id}", sequence, "hidden", text)
