"""Continuity of the sequence: gaps as ranges (FR7, CT-13)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from events.errors import LedgerError


class SequenceOrderError(LedgerError):
    """AC3: sequences are out of order or repeated."""


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """A run of missing sequence numbers, both ends included."""

    start: int
    end: int

    @property
    def count(self) -> int:
        """Number of missing sequence numbers."""
        return self.end - self.start + 1

    def as_range(self) -> range:
        """The missing numbers, lazily."""
        return range(self.start, self.end + 1)


def find_gaps(
    sequences: Iterable[int], *, start: int | None = None, end: int | None = None
) -> Iterator[Gap]:
    """The gaps of rising `sequences` inside start … end (inclusive), lowest first.

    Without a bound, the first or the last given sequence is that bound. Memory is constant in
    the number of sequences and in the size of the gaps.

    Raises:
        SequenceOrderError: the sequences do not rise.
    """
    expected = start
    previous: int | None = None
    for sequence in sequences:
        if previous is not None and sequence <= previous:
            raise SequenceOrderError(f"AC3: sequence {sequence} follows {previous}")
        previous = sequence
        if end is not None and sequence > end:
            break
        if expected is None:
            expected = sequence
        if sequence > expected:
            yield Gap(expected, sequence - 1)
        expected = max(expected, sequence + 1)
    if expected is not None and end is not None and expected <= end:
        yield Gap(expected, end)


def validate_sequence_continuity(
    sequences: Iterable[int], *, start: int | None = None, end: int | None = None
) -> tuple[bool, tuple[range, ...]]:
    """Return `(is_continuous, missing_sequences)` for rising sequences.

    `missing_sequences` are `range` objects, so a gap of a billion numbers costs as much as a gap of
    one. The bounds are those of `find_gaps`.

    Raises:
        SequenceOrderError: the sequences do not rise (AC3).
    """
    missing = tuple(gap.as_range() for gap in find_gaps(sequences, start=start, end=end))
    return not missing, missing
