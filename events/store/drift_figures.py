"""Figures over a bounded window of the newest drift warnings. It must never read further back than
the window it was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from events.store.connection import fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class DriftChoice:
    """Which warnings; None leaves a side open. Times are half-open, by the authority clock."""

    agent_id: str | None = None
    min_seconds: Decimal | None = None
    authority_from: datetime | None = None
    authority_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class DriftWindow:
    """The warnings of a time that figures are taken over, by their ids; `cut`: there are older
    ones. Agent and size narrow the figures inside it."""

    low: int
    high: int
    warnings: int
    first_time: datetime
    last_time: datetime
    cut: bool


@dataclass(frozen=True, slots=True)
class HeatCount:
    """Warnings of one step of time, one size and one direction."""

    column: int
    size: int
    ahead: bool
    warnings: int


@dataclass(frozen=True, slots=True)
class AgentFigures:
    """One agent's warnings; seconds are absolute, `ahead` counts those with a fast clock."""

    agent_id: str | None
    warnings: int
    median_seconds: Decimal
    p95_seconds: Decimal
    worst_seconds: Decimal
    worst_sequence: int
    worst_at: datetime
    worst_ahead: bool
    ahead: int
    first_sequence: int
    last_sequence: int
    first_seen: str
    last_seen: str


def find_window(using: str, choice: DriftChoice, *, most: int) -> DriftWindow | None:
    """The newest `most` warnings of the chosen time; None when there is none."""
    row = fetch_one(using, "drift_window", {**asdict(choice), "most": most})
    return DriftWindow(*row) if row[2] else None


def heat(
    using: str,
    choice: DriftChoice,
    window: DriftWindow,
    *,
    origin: datetime,
    step: int,
    sizes: Sequence[int],
) -> list[HeatCount]:
    """Counts by time (in steps of `step` seconds from `origin`), size (how many of `sizes` it
    reaches) and direction."""
    values = {**_bounds(choice, window), "origin": origin, "step": step, "sizes": list(sizes)}
    return [HeatCount(*row) for row in fetch_all(using, "drift_heat", values)]


def figures_by_agent(using: str, choice: DriftChoice, window: DriftWindow) -> list[AgentFigures]:
    """The agents of the window, the worst first."""
    rows = fetch_all(using, "drift_agents", _bounds(choice, window))
    return [AgentFigures(*row) for row in rows]


def _bounds(choice: DriftChoice, window: DriftWindow) -> dict[str, Any]:
    return {**asdict(choice), "low": window.low, "high": window.high}
