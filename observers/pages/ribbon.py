"""The sequence drawn as a ribbon with its gaps. It must never make a gap too small to be seen."""

from __future__ import annotations

from dataclasses import dataclass

from observers.continuity import Continuity
from observers.report import KnownGap

WIDTH = 1000
NARROWEST = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """A gap on the ribbon: where, how wide, of the ribbon's width of 1,000."""

    x: float
    width: float
    known: KnownGap


def draw(found: Continuity) -> tuple[Mark, ...]:
    """Every listed gap at its place between the first number and the last."""
    span = max(found.end - found.start + 1, 1)
    return tuple(_mark(known, found.start, span) for known in found.listed)


def _mark(known: KnownGap, start: int, span: int) -> Mark:
    width = max(known.gap.count / span * WIDTH, NARROWEST)
    x = min((known.gap.start - start) / span * WIDTH, WIDTH - width)
    return Mark(round(x, 2), round(width, 2), known)
