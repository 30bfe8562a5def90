"""Draws the drift heat map: time across, size upwards (ahead) and downwards (behind).

The scale has ten steps, from under a second to over ten years.

Invariant: every warning is counted in some cell.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from events.store.drift_figures import AgentFigures, HeatCount
from observers.pages.durations import duration

SIZES = (1, 10, 60, 600, 3600, 86400, 30 * 86400, 365 * 86400, 3650 * 86400)
SIZE_NAMES = (
    "under 1 s",
    "1 to 10 s",
    "10 to 60 s",
    "1 to 10 min",
    "10 to 60 min",
    "1 to 24 h",
    "1 to 30 days",
    "1 to 12 months",
    "1 to 10 years",
    "over 10 years",
)
STEPS = (1, 10, 60, 300, 900, 3600, 3 * 3600, 12 * 3600, 86400, 7 * 86400, 30 * 86400, 365 * 86400)
COLUMNS = 48
WIDTH, ROW, MIDDLE = 960, 20, 8
"""SVG units: total width, row height, and the line between ahead and behind."""
LEVELS = 5
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Grid:
    """The time axis: columns of `step` seconds each, from `origin`."""

    origin: datetime
    step: int
    columns: int

    def moment(self, column: int) -> datetime:
        """The time at which a column begins."""
        return _moment((self.origin - EPOCH).total_seconds() + self.step * column)


@dataclass(frozen=True, slots=True)
class HeatCell:
    """Warnings of one time, size and direction; `level` 1 … 5 is their number, logarithmic."""

    begins: datetime
    ends: datetime
    name: str
    ahead: bool
    warnings: int
    level: int
    x: float
    y: int
    width: float

    @property
    def side(self) -> str:
        return _side(self.ahead)

    @property
    def words(self) -> str:
        """The text alternative of the cell."""
        warnings = "1 warning" if self.warnings == 1 else f"{self.warnings:,} warnings"
        return f"{_stamp(self.begins)} UTC: {warnings}, {self.name} {self.side}"

    @property
    def query(self) -> str:
        """The query of the events page for the cell's time."""
        return _query(self.begins, self.ends)


@dataclass(frozen=True, slots=True)
class HeatRow:
    """The warnings of one size and direction; `percent` relates to the fullest row."""

    name: str
    ahead: bool
    warnings: int
    percent: float

    @property
    def side(self) -> str:
        return _side(self.ahead)


@dataclass(frozen=True, slots=True)
class HeatColumn:
    """The warnings of one time span, ahead and behind."""

    begins: datetime
    ends: datetime
    ahead: int
    behind: int

    @property
    def query(self) -> str:
        """The query of the events page for this time."""
        return _query(self.begins, self.ends)


@dataclass(frozen=True, slots=True)
class Outlier:
    """An agent's largest drift, and its position in the picture."""

    figures: AgentFigures
    x: float
    y: float

    @property
    def words(self) -> str:
        """The text alternative of the mark."""
        agent, event = self.figures.agent_id or "the system", self.figures.worst_sequence
        return f"The worst of {agent}: event {event}, {duration(self.figures.worst_seconds)}"


@dataclass(frozen=True, slots=True)
class Heat:
    """The heat map. Rows go from far ahead down to far behind."""

    grid: Grid
    cells: tuple[HeatCell, ...]
    rows: tuple[HeatRow, ...]
    columns: tuple[HeatColumn, ...]
    outliers: tuple[Outlier, ...]
    height: int
    middle: int

    @property
    def description(self) -> str:
        """The text alternative of the picture."""
        warnings = sum(row.warnings for row in self.rows)
        return (
            f"{warnings:,} warnings from {_stamp(self.begins, 'minutes')} to "
            f"{_stamp(self.ends, 'minutes')} UTC by time and size: clocks ahead above the middle "
            "line, clocks behind below it. The same figures are in the table below."
        )

    @property
    def begins(self) -> datetime:
        return self.grid.origin

    @property
    def ends(self) -> datetime:
        return self.grid.moment(self.grid.columns)

    @property
    def ahead_rows(self) -> list[HeatRow]:
        return [row for row in self.rows if row.ahead]

    @property
    def behind_rows(self) -> list[HeatRow]:
        return [row for row in self.rows if not row.ahead]


def _side(ahead: bool) -> str:
    return "ahead" if ahead else "behind"


def _stamp(when: datetime, precision: str = "seconds", *, sep: str = " ") -> str:
    return when.replace(tzinfo=None).isoformat(sep, precision)


def _query(begins: datetime, ends: datetime) -> str:
    edges = {"authority_from": begins, "authority_to": ends}
    texts = {name: _stamp(edge, sep="T") for name, edge in edges.items()}
    return urlencode({"drifted": "true"} | texts, safe=":")


def lay_grid(first: datetime, last: datetime) -> Grid:
    """Chooses the smallest round column width for which `first` … `last` fits."""
    begins, ends = (first - EPOCH).total_seconds(), (last - EPOCH).total_seconds()
    widest = math.ceil((ends - begins) / (COLUMNS - 1))
    for step in (*STEPS, max(widest, STEPS[-1])):
        low = math.floor(begins / step)
        columns = math.floor(ends / step) - low + 1
        if columns <= COLUMNS:
            break
    return Grid(_moment(low * step), step, columns)


def _moment(seconds: float) -> datetime:
    """Seconds since 1970 as a time, clamped to the years 1 to 9999."""
    try:
        return EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return LATEST if seconds > 0 else EARLIEST


def size_of(seconds: float) -> int:
    """The row of a drift: the number of `SIZES` that it reaches."""
    return sum(1 for size in SIZES if seconds >= size)


def draw_heat(grid: Grid, counts: Iterable[HeatCount], agents: Iterable[AgentFigures]) -> Heat:
    """Draws the counts on a grid, with the largest drift of each agent marked."""
    counts = list(counts)
    order = [(size, ahead) for ahead in (True, False) for size in _span(counts, ahead=ahead)]
    ups = sum(1 for _, ahead in order if ahead)
    tops = {key: place * ROW + (0 if key[1] else MIDDLE) for place, key in enumerate(order)}
    width = WIDTH / grid.columns
    most = max((count.warnings for count in counts), default=1)
    cells = tuple(
        HeatCell(
            begins=grid.moment(count.column),
            ends=grid.moment(count.column + 1),
            name=SIZE_NAMES[count.size],
            ahead=count.ahead,
            warnings=count.warnings,
            level=_level(count.warnings, most),
            x=round(count.column * width, 2),
            y=tops[count.size, count.ahead],
            width=round(width, 2),
        )
        for count in sorted(counts, key=lambda each: (each.column, -each.size))
    )
    return Heat(
        grid,
        cells,
        _rows(counts, order),
        _columns(grid, counts),
        tuple(_outliers(grid, agents, tops)),
        height=len(order) * ROW + MIDDLE,
        middle=ups * ROW + MIDDLE // 2,
    )


def _span(counts: list[HeatCount], *, ahead: bool) -> list[int]:
    """All sizes from the middle outwards to the largest of this side, without holes."""
    inner = min((count.size for count in counts), default=0)
    outer = max((count.size for count in counts if count.ahead is ahead), default=-1)
    span = list(range(inner, outer + 1))
    return span[::-1] if ahead else span


def _level(warnings: int, most: int) -> int:
    if most == 1:
        return LEVELS
    return 1 + round((LEVELS - 1) * math.log(warnings) / math.log(most))


def _rows(counts: list[HeatCount], order: list[tuple[int, bool]]) -> tuple[HeatRow, ...]:
    totals: Counter[tuple[int, bool]] = Counter()
    for count in counts:
        totals[count.size, count.ahead] += count.warnings
    most = max(totals.values(), default=1)
    return tuple(
        HeatRow(
            SIZE_NAMES[size], ahead, totals[size, ahead], round(100 * totals[size, ahead] / most, 1)
        )
        for size, ahead in order
    )


def _columns(grid: Grid, counts: list[HeatCount]) -> tuple[HeatColumn, ...]:
    totals: Counter[tuple[int, bool]] = Counter()
    for count in counts:
        totals[count.column, count.ahead] += count.warnings
    used = sorted({count.column for count in counts}, reverse=True)
    return tuple(
        HeatColumn(
            grid.moment(column),
            grid.moment(column + 1),
            totals[column, True],
            totals[column, False],
        )
        for column in used
    )


def _outliers(
    grid: Grid, agents: Iterable[AgentFigures], tops: dict[tuple[int, bool], int]
) -> Iterable[Outlier]:
    width = WIDTH / grid.columns
    for figures in agents:
        across = (figures.worst_at - grid.origin).total_seconds() / grid.step
        top = tops[size_of(float(figures.worst_seconds)), figures.worst_ahead]
        yield Outlier(figures, round((math.floor(across) + 0.5) * width, 2), top + ROW / 2)
