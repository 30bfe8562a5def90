"""Drift drawn: every warning in a cell, from milliseconds to decades."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from events.store.drift_figures import AgentFigures, HeatCount
from observers.pages.drift.heat import COLUMNS, ROW, SIZE_NAMES, SIZES, draw_heat, lay_grid, size_of

NOON = datetime(2026, 3, 1, 12, 0, 7, tzinfo=UTC)


def worst(seconds: str, at: datetime, *, ahead: bool) -> AgentFigures:
    """An agent with one warning."""
    size = Decimal(seconds)
    return AgentFigures("agent-7", 1, size, size, size, int(ahead), 3, 3, 3, at, ahead, "", "")


@pytest.mark.parametrize(
    ("span", "step"),
    [
        (timedelta(0), 1),
        (timedelta(seconds=47), 1),
        (timedelta(seconds=48), 10),
        (timedelta(hours=1), 300),
        (timedelta(hours=23), 3600),
        (timedelta(days=30), 86400),
        (timedelta(days=900), 30 * 86400),
    ],
)
def test_columns_have_a_round_width_and_hold_all_of_the_time(span: timedelta, step: int) -> None:
    grid = lay_grid(NOON, NOON + span)
    assert grid.step == step
    assert grid.origin <= NOON
    assert NOON + span < grid.moment(grid.columns)
    assert grid.columns <= COLUMNS


def test_two_thousand_years_still_fit() -> None:
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
    grid = lay_grid(first, last)
    assert grid.columns <= COLUMNS
    assert grid.origin <= first
    assert last < grid.moment(grid.columns)


def test_every_size_has_a_row() -> None:
    assert len(SIZE_NAMES) == len(SIZES) + 1
    assert [size_of(seconds) for seconds in (0.25, 1, 59.9, 60, 1.8e9)] == [0, 1, 2, 3, 9]


def test_ahead_is_drawn_above_behind_and_no_size_is_skipped() -> None:
    grid = lay_grid(NOON, NOON)
    counts = [HeatCount(0, 3, True, 5), HeatCount(0, 1, False, 50), HeatCount(0, 4, False, 1)]
    heat = draw_heat(grid, counts, [worst("90", NOON, ahead=True)])
    assert [(row.name, row.ahead, row.warnings) for row in heat.rows] == [
        ("1 to 10 min", True, 5),
        ("10 to 60 s", True, 0),
        ("1 to 10 s", True, 0),
        ("1 to 10 s", False, 50),
        ("10 to 60 s", False, 0),
        ("1 to 10 min", False, 0),
        ("10 to 60 min", False, 1),
    ]
    tops = {(cell.name, cell.ahead): cell.y for cell in heat.cells}
    assert tops["1 to 10 min", True] == 0
    assert 3 * ROW < heat.middle < tops["1 to 10 s", False] < tops["10 to 60 min", False]
    assert {cell.warnings: cell.level for cell in heat.cells} == {50: 5, 5: 3, 1: 1}
    assert [(each.x, each.y) for each in heat.outliers] == [(480.0, ROW / 2)]
    assert sum(row.warnings for row in heat.rows) == 56


def test_one_side_alone_has_no_rows_for_the_other() -> None:
    heat = draw_heat(lay_grid(NOON, NOON), [HeatCount(0, 2, False, 1)], [])
    assert heat.ahead_rows == []
    assert [cell.level for cell in heat.cells] == [5]
