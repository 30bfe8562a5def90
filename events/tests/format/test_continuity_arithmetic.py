"""Gaps as ranges, in pure arithmetic: every gap, at a cost independent of its length."""

from __future__ import annotations

import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.format.gaps import Gap, SequenceOrderError, find_gaps, validate_sequence_continuity

CASES = {
    "nothing, no bounds": ([], None, None, []),
    "nothing in bounds": ([], 1, 5, [(1, 5)]),
    "nothing, only a start": ([], 1, None, []),
    "empty bounds": ([], 1, 0, []),
    "one event": ([1], None, None, []),
    "no gap": ([1, 2, 3], 1, 3, []),
    "one missing": ([1, 3], 1, 3, [(2, 2)]),
    "many missing": ([1, 9], 1, 9, [(2, 8)]),
    "two gaps": ([1, 3, 4, 7], 1, 7, [(2, 2), (5, 6)]),
    "missing at the start": ([4, 5], 1, 5, [(1, 3)]),
    "missing at the tail": ([1, 2], 1, 5, [(3, 5)]),
    "the first given is the start": ([4, 5], None, 5, []),
    "the last given is the end": ([1, 2], 1, None, []),
    "bounds inside": ([1, 2, 5, 9], 3, 7, [(3, 4), (6, 7)]),
    "bounds before all": ([10, 11], 3, 7, [(3, 7)]),
    "bounds after all": ([1, 2], 3, 7, [(3, 7)]),
    "a single place, taken": ([3], 3, 3, []),
    "a single place, missing": ([2, 4], 3, 3, [(3, 3)]),
}


@pytest.mark.parametrize(("given_", "start", "end", "gaps"), CASES.values(), ids=CASES.keys())
def test_gaps(
    given_: list[int], start: int | None, end: int | None, gaps: list[tuple[int, int]]
) -> None:
    assert list(find_gaps(given_, start=start, end=end)) == [Gap(*gap) for gap in gaps]
    missing = tuple(range(first, last + 1) for first, last in gaps)
    assert validate_sequence_continuity(given_, start=start, end=end) == (not gaps, missing)


@given(st.sets(st.integers(1, 60)), st.integers(1, 60), st.integers(0, 60))
def test_gaps_are_exactly_the_missing_numbers(present: set[int], start: int, end: int) -> None:
    gaps = list(find_gaps(sorted(present), start=start, end=end))
    numbers = [n for gap in gaps for n in gap.as_range()]
    assert numbers == [n for n in range(start, end + 1) if n not in present]
    assert all(one.end + 1 < other.start for one, other in itertools.pairwise(gaps))
    assert sum(gap.count for gap in gaps) == len(numbers)


@pytest.mark.parametrize("sequences", [[1, 1], [2, 1], [1, 3, 2]], ids=str)
def test_refuses_sequences_that_do_not_rise(sequences: list[int]) -> None:
    with pytest.raises(SequenceOrderError, match=r"^AC3: sequence . follows ."):
        validate_sequence_continuity(sequences)


def test_a_gap_of_a_billion_takes_no_memory() -> None:
    tracemalloc.start()
    sound, missing = validate_sequence_continuity([1, 10**9 + 2])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (sound, missing, len(missing[0])) == (False, (range(2, 10**9 + 2),), 10**9)
    assert peak < 100_000


def test_a_long_sequence_is_read_as_a_stream() -> None:
    tracemalloc.start()
    assert validate_sequence_continuity(iter(range(1, 200_001)), end=200_000) == (True, ())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000
