"""Statistics of drift warnings by agent and over time, and clocks that jumped.

Warnings of imported events are left out (`events/store/imports.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from events.store.connection import fetch_all
from events.store.drift import DriftFilter
from events.store.imports import ImportSpans


@dataclass(frozen=True, slots=True)
class DriftWindow:
    """The warnings behind the figures: the newest that pass the filter. `cut`: there are older
    ones."""

    warnings: int
    first_time: datetime
    last_time: datetime
    cut: bool


@dataclass(frozen=True, slots=True)
class HeatCount:
    """Number of warnings in one time step, size class and direction."""

    column: int
    size: int
    ahead: bool
    warnings: int


@dataclass(frozen=True, slots=True)
class AgentDrift:
    """Drift warnings of one agent; seconds are absolute, `ahead` counts those with a fast clock."""

    agent_id: str | None
    warnings: int
    median_seconds: Decimal
    p95_seconds: Decimal
    worst_seconds: Decimal
    ahead: int
    first_sequence: int
    last_sequence: int


@dataclass(frozen=True, slots=True)
class AgentFigures(AgentDrift):
    """The same with the agent's worst warning and the times of the first and the last."""

    worst_sequence: int
    worst_at: datetime
    worst_ahead: bool
    first_seen: str
    last_seen: str


def drift_by_agent(
    using: str, spans: ImportSpans, *, start: int | None = None, end: int | None = None
) -> list[AgentDrift]:
    """Figures over the warnings of a sequence range without those of imports, worst agent first."""
    values = {"start": start, "end": end, **spans.parameters()}
    return [AgentDrift(*row) for row in fetch_all(using, "drift_figures.by_agent_in_range", values)]


def figures_by_agent(
    using: str, chosen: DriftFilter, spans: ImportSpans, *, most: int
) -> tuple[DriftWindow | None, list[AgentFigures]]:
    """Figures by agent over the newest `most` warnings that pass the filter, worst first. The
    window is None if there are none."""
    rows = fetch_all(using, "drift_figures.by_agent", {**_values(chosen, spans), "most": most})
    if not rows:
        return None, []
    figures = [AgentFigures(*row[:-3]) for row in rows]
    window = DriftWindow(
        warnings=sum(each.warnings for each in figures),
        first_time=min(row[-3] for row in rows),
        last_time=max(row[-2] for row in rows),
        cut=rows[0][-1],
    )
    return window, figures


def heat(
    using: str,
    chosen: DriftFilter,
    spans: ImportSpans,
    *,
    most: int,
    origin: datetime,
    step: int,
    sizes: Sequence[int],
) -> list[HeatCount]:
    """Counts of the same warnings by time (in steps of `step` seconds from `origin`), size (how
    many of `sizes` it reaches) and direction."""
    values = {"most": most, "origin": origin, "step": step, "sizes": list(sizes)}
    rows = fetch_all(using, "drift_figures.heat", _values(chosen, spans) | values)
    return [HeatCount(*row) for row in rows]


def _values(chosen: DriftFilter, spans: ImportSpans) -> dict[str, Any]:
    return {**asdict(chosen), **spans.parameters()}


@dataclass(frozen=True, slots=True)
class ClockStep:
    """Two consecutive events of an agent between which its clock jumped, and its offset at each:
    seconds, positive when ahead. `steps` counts all jumps of this agent."""

    sequence: int
    previous_sequence: int
    agent_id: str | None
    authority_timestamp: str
    before_seconds: Decimal
    after_seconds: Decimal
    steps: int

    @property
    def change_seconds(self) -> Decimal:
        """Seconds by which the clock jumped; positive when forward."""
        return self.after_seconds - self.before_seconds


@dataclass(frozen=True, slots=True)
class Reversal:
    """Authority time that ran backwards between two events, by `seconds`."""

    sequence: int
    previous_sequence: int
    previous_time: str
    authority_time: str
    seconds: Decimal


def clock_steps(
    using: str,
    start: int,
    end: int,
    spans: ImportSpans,
    *,
    agent_id: str | None,
    threshold: Decimal,
    each: int,
) -> list[ClockStep]:
    """The newest `each` clock jumps of every agent among the events start … end, newest first.
    Imported events are left out: they carry the times of their records."""
    values: dict[str, Any] = {
        **spans.parameters(),
        "start": start,
        "end": end,
        "agent_id": agent_id,
        "threshold": threshold,
        "each": each,
    }
    return [ClockStep(*row) for row in fetch_all(using, "drift_figures.clock_steps", values)]


def reversals(
    using: str, start: int, end: int, *, appends_after: int, limit: int
) -> list[Reversal]:
    """Places where authority time decreases along the sequence: among the appends that end after
    `appends_after`, and among the events start … end; newest first."""
    values = {"start": start, "end": end, "appends_after": appends_after, "limit": limit}
    return [Reversal(*row) for row in fetch_all(using, "drift_figures.authority_reversals", values)]
