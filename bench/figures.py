"""The figures that a write benchmark reports for one case."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Figures:
    """Events a second, milliseconds per answer, processor seconds per thousand events."""

    rate: float
    p50: float
    p99: float
    python: float
    postgres: float
    refused: float = 0.0
    """Percent of the requests; the other figures are of the rest."""


def medians(rounds: Sequence[Figures]) -> Figures:
    """The median of each figure over the rounds."""
    names = (field.name for field in fields(Figures))
    return Figures(*(statistics.median(getattr(one, name) for one in rounds) for name in names))
