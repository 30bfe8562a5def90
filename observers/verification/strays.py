"""Finds rows outside the chain: numbered below 1, without a number, with a number that another row
has, or hidden from an index.

A row inserted while an index was disabled is visible to a sequential scan but not to a lookup, so
the sweep compares table pages with their indexes, one piece after another.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from events.store import integrity
from events.store.integrity import count_pages, outside_indexes
from events.store.ledger import GapReport
from observers.verification.checks import Check, Finding

MOST = 100
"""Strays that one look names."""


@dataclass(frozen=True, slots=True)
class Stray:
    """One or several rows of one number outside the chain. `place` names it among strays;
    `sequence` is the number it claims, None when it has none."""

    place: str
    sequence: int | None
    reason: str
    text: str
    check: Check = Check.GAP

    def as_dict(self) -> dict[str, int | str | None]:
        """Returns JSON, with nothing of the event but its number."""
        return {"sequence": self.sequence, "reason": self.reason}

    def finding(self) -> Finding:
        """Returns it as a finding of a verification; sequence 0 stands for a row without a
        number."""
        return Finding(self.sequence or 0, self.check, self.text)


def rows_below_one(using: str, *, limit: int = MOST) -> list[Stray]:
    """Returns events numbered below 1, where the sequence begins, or without a number."""
    rows = integrity.events_below_one(using, limit=limit)
    return [_below_one(sequence, event_id) for sequence, event_id in rows]


def appends_below_one(using: str, *, limit: int = MOST) -> list[Stray]:
    """Returns appends that end below 1 or have no end."""
    return [
        Stray(
            f"append/{'none' if last is None else last}",
            last,
            "below_one" if last is not None else "no_number",
            f"an append ends with the number {last}; the first event is 1",
            Check.HEAD,
        )
        for last in integrity.appends_below_one(using, limit=limit)
    ]


def strays_below_one(using: str) -> list[Stray]:
    """Returns all rows numbered below 1 or without a number."""
    return [*rows_below_one(using), *appends_below_one(using)]


def rows_twice(report: GapReport) -> list[Stray]:
    """Returns numbers that more than one event has."""
    return [
        Stray(f"{number}", number, "repeated", f"more than one event has the number {number}")
        for number in sorted(set(report.repeated))
    ]


def _below_one(sequence: int | None, event_id: str | None) -> Stray:
    if sequence is None:
        return Stray(f"none/{event_id}", None, "no_number", f"event {event_id} has no number")
    text = f"event {event_id} has the number {sequence}; the first is 1"
    return Stray(f"{sequence}/{event_id}", sequence, "below_one", text)


PIECE = 1_000
"""Pages of 8 KiB compared by one statement."""

SECONDS = 0.5
"""Seconds that one look of the watch spends comparing; the next one continues."""

Piece = tuple[str, int, int]


@dataclass
class Sweep:
    """The position of the round over all table pages, and the findings of each piece when it was
    last compared."""

    found: dict[Piece, list[Stray]] = field(default_factory=dict)
    is_whole: bool = False
    """True when every page was compared at least once."""
    _left: list[Piece] = field(default_factory=list)

    def go_on(self, using: str, seconds: float = SECONDS) -> list[Stray]:
        """Compares pieces for the given time, then returns all hidden rows known."""
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
    """Splits all pages of the tables into pieces."""
    for table, pages in count_pages(using).items():
        for first in range(0, pages, PIECE):
            yield table, first, first + PIECE


def hidden_rows(using: str) -> Iterator[list[Stray]]:
    """Compares every page, and yields the hidden rows of each piece."""
    for piece in pieces_of(using):
        yield compare(using, piece)


def compare(using: str, piece: Piece) -> list[Stray]:
    """Returns the rows of a piece that an index does not lead to, or that are about no event."""
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
