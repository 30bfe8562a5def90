"""The map of the sequence: no missing number is too small to be seen."""

from __future__ import annotations

from itertools import pairwise

from events.format.gaps import Gap
from observers.pages.gaps.coverage import COLUMNS, PITCH, ROWS, SIDE, Coverage, draw_coverage
from observers.pages.gaps.listing import Listing
from observers.verification.report import KnownGap


def draw(end: int, *gaps: KnownGap, start: int = 1) -> Coverage:
    """The map of start … end."""
    return draw_coverage(Listing(start, end, gaps, whole=True))


def test_one_number_in_ten_million_marks_a_whole_cell() -> None:
    coverage = draw(10_000_000, KnownGap(Gap(6_543_210, 6_543_210), None))
    assert len(coverage.cells) == COLUMNS * ROWS
    (cell,) = coverage.damaged
    assert cell.start <= 6_543_210 <= cell.end
    assert (cell.state, cell.missing) == ("missing", 1)
    assert SIDE / (COLUMNS * PITCH) * 350 > 8, "pixels on a phone"


def test_every_number_lies_in_one_cell() -> None:
    for end in (1, 255, 256, 257, 1000, 4_999_999):
        cells = draw(end).cells
        assert cells[0].start == 1
        assert cells[-1].end == end
        assert all(a.end + 1 == b.start for a, b in pairwise(cells))
        assert len(cells) <= COLUMNS * ROWS


def test_the_worst_thing_names_a_cell() -> None:
    coverage = draw(
        2560,
        KnownGap(Gap(3, 4), 20),
        KnownGap(Gap(11, 12), 20),
        KnownGap(Gap(14, 14), None),
        KnownGap(Gap(21, 21), None),
    )
    assert [cell.state for cell in coverage.cells[:4]] == [
        "documented",
        "missing",
        "missing",
        "whole",
    ]
    assert coverage.cells[1].words == (
        "Sequence 11 to 20: 3 numbers missing, 1 of them not explained"
    )
    assert coverage.cells[0].words == "Sequence 1 to 10: 2 numbers missing, explained"
    assert coverage.cells[3].words == "Sequence 31 to 40: nothing missing"


def test_a_gap_across_cells_is_counted_in_each() -> None:
    coverage = draw(2560, KnownGap(Gap(8, 33), None))
    assert [cell.missing for cell in coverage.cells[:5]] == [3, 10, 10, 3, 0]
    assert [cell.leads for cell in coverage.cells[:5]] == [True, True, False, True, True]


def test_a_gap_cut_by_the_stretch_counts_inside_it_only() -> None:
    coverage = draw(30, KnownGap(Gap(1, 12), None), start=11)
    assert [cell.start for cell in coverage.damaged] == [11, 12]


def test_counts_name_what_a_listing_has_no_room_for() -> None:
    listing = Listing(1, 2560, (KnownGap(Gap(3, 4), 20),), whole=False)
    present = dict.fromkeys(range(256), 10) | {0: 8, 7: 9}
    del present[9]
    cells = draw_coverage(listing, present).cells
    assert [cells[n].state for n in (0, 1, 7, 9)] == ["documented", "whole", "missing", "missing"]
    assert cells[9].empty
