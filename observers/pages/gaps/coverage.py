"""Draws the sequence and its gaps: as a map of cells, and as a ribbon for the overview.

Invariant: no gap is too small to see, and colour is never the only sign of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import urlencode

from django.urls import reverse

from observers.continuity import Continuity
from observers.pages.gaps.listing import Listing, cut_to
from observers.verification.report import KnownGap

WIDTH = 1000
NARROWEST = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """A gap on the ribbon: position and width, of a total width of 1,000."""

    x: float
    width: float
    known: KnownGap


def draw(found: Continuity) -> tuple[Mark, ...]:
    """Places every listed gap between the first number and the last."""
    span = max(found.end - found.start + 1, 1)
    return tuple(_mark(known, found.start, span) for known in found.listed)


def _mark(known: KnownGap, start: int, span: int) -> Mark:
    width = max(known.gap.count / span * WIDTH, NARROWEST)
    x = min((known.gap.start - start) / span * WIDTH, WIDTH - width)
    return Mark(round(x, 2), round(width, 2), known)


COLUMNS, ROWS = 32, 8
PITCH = 30
"""SVG units from one cell to the next."""
SIDE = 27
"""SVG units of a cell's side."""


@dataclass(slots=True)
class Cell:
    """A range of the sequence, both ends included, and its position in the map."""

    start: int
    end: int
    x: int
    y: int
    missing: int = 0
    unexplained: int = 0
    leads: bool = True
    """True where Tab stops; inside a long gap only the first cell is a stop."""

    @property
    def count(self) -> int:
        return self.end - self.start + 1

    @property
    def empty(self) -> bool:
        """True when every number is missing."""
        return self.missing == self.count

    @property
    def state(self) -> str:
        """`whole`, `documented` or `missing`: the worst state in the cell."""
        if not self.missing:
            return "whole"
        return "missing" if self.unexplained else "documented"

    @property
    def href(self) -> str:
        """A single number's event, the map of a damaged range, or the events of a whole one."""
        if self.count == 1:
            return reverse("event", args=[self.start])
        bounds = {"start": self.start, "end": self.end}
        if self.missing:
            return "?" + urlencode(bounds)
        return reverse("events") + "?" + urlencode(bounds | {"order": "oldest"})

    @property
    def words(self) -> str:
        """The text alternative of the cell."""
        where = f"Sequence {self.start}" + (f" to {self.end}" if self.count > 1 else "")
        if not self.missing:
            return f"{where}: nothing missing"
        numbers = "1 number" if self.missing == 1 else f"{self.missing:,} numbers"
        if not self.unexplained:
            return f"{where}: {numbers} missing, explained"
        if self.unexplained == self.missing:
            return f"{where}: {numbers} missing, not explained"
        return f"{where}: {numbers} missing, {self.unexplained:,} of them not explained"


@dataclass(frozen=True, slots=True)
class Coverage:
    """The map of `start` … `end` in cells of `size` numbers."""

    start: int
    end: int
    size: int
    cells: list[Cell] = field(repr=False)

    @property
    def scale(self) -> str:
        """The numbers in a cell, in words."""
        return "a cell is one number" if self.size == 1 else f"a cell holds {self.size:,} numbers"

    @property
    def width(self) -> int:
        return COLUMNS * PITCH

    @property
    def height(self) -> int:
        return (len(self.cells) + COLUMNS - 1) // COLUMNS * PITCH

    @property
    def damaged(self) -> list[Cell]:
        """The cells with missing numbers."""
        return [cell for cell in self.cells if cell.missing]

    @property
    def whole(self) -> list[Cell]:
        return [cell for cell in self.cells if not cell.missing]


def cell_size(start: int, end: int) -> int:
    """Numbers per cell, so that the range fits the map."""
    return max(-(-(end - start + 1) // (COLUMNS * ROWS)), 1)


def draw_coverage(listing: Listing, present: Mapping[int, int] | None = None) -> Coverage:
    """Draws the map of a listing's range.

    An incomplete listing needs `present`, the number of events by cell; missing numbers that it
    does not list then count as unexplained.
    """
    start, end = listing.start, listing.end
    size = cell_size(start, end)
    cells = [_cell(number, start, end, size) for number in range(-(-(end - start + 1) // size))]
    for known in listing.gaps:
        gap = cut_to(known, start, end)
        for number in range((gap.start - start) // size, (gap.end - start) // size + 1):
            cell = cells[number]
            part = min(gap.end, cell.end) - max(gap.start, cell.start) + 1
            cell.missing += part
            cell.unexplained += 0 if known.documented else part
    if present is not None:
        for number, cell in enumerate(cells):
            missing = cell.count - present.get(number, 0)
            cell.unexplained = max(missing - (cell.missing - cell.unexplained), 0)
            cell.missing = missing
    for before, cell in pairwise(cells):
        cell.leads = not (cell.empty and before.empty)
    return Coverage(start, end, size, cells)


def _cell(number: int, start: int, end: int, size: int) -> Cell:
    row, column = divmod(number, COLUMNS)
    first = start + number * size
    return Cell(first, min(first + size - 1, end), column * PITCH, row * PITCH)
