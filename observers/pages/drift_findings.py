"""What the drift page finds out: figures, the picture, jumps of a clock. Everything is looked for
in a bounded window, and it must never be shown without saying which."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal

from events.store.clock_steps import ClockStep, Reversal, clock_steps, reversals
from events.store.drift_figures import (
    AgentFigures,
    DriftChoice,
    DriftWindow,
    figures_by_agent,
    find_window,
    heat,
)
from events.store.ledger import PostgresEventStore
from events.store.rate import marks_before
from observers.pages.heat import SIZES, Heat, draw_heat, lay_grid
from observers.pages.remembered import Remembered, remembered

WARNINGS = 20_000
"""Warnings that figures are taken over, the newest of the chosen time."""

EVENTS = 50_000
"""Events that are looked through for jumps of a clock, the newest of the chosen time."""

APPENDS = 200_000
"""Numbers of the sequence whose appends are looked through for authority time running backwards."""

STEPS_EACH, REVERSALS = 5, 50


@dataclass(frozen=True, slots=True)
class AgentLine:
    """An agent's figures and how often its clock jumped in the events looked through."""

    figures: AgentFigures
    steps: int

    @property
    def direction(self) -> str:
        """`ahead`, `behind`, or both with the share."""
        if self.figures.ahead == self.figures.warnings:
            return "ahead"
        if not self.figures.ahead:
            return "behind"
        return f"ahead {self.figures.ahead:,} times of {self.figures.warnings:,}"


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found for a choice. `first_event` … `last_event` were looked through for steps."""

    window: DriftWindow | None
    heat: Heat | None
    agents: tuple[AgentLine, ...]
    steps: tuple[ClockStep, ...]
    first_event: int
    last_event: int

    @property
    def warnings(self) -> int:
        """Warnings that the figures are of."""
        return sum(agent.figures.warnings for agent in self.agents)


@dataclass(frozen=True, slots=True)
class Backwards:
    """Where authority time ran against the sequence, from which sequence on it was looked for."""

    found: tuple[Reversal, ...]
    since: int

    @property
    def more(self) -> bool:
        """Whether there may be more than these."""
        return len(self.found) == REVERSALS


def find(using: str, choice: DriftChoice, threshold: Decimal) -> Remembered[Findings]:
    """The findings for a choice, remembered."""
    name = hashlib.sha256(repr((choice, threshold)).encode()).hexdigest()[:16]
    return remembered(f"drift-{name}", using, lambda: _find(using, choice, threshold))


def look_back(using: str) -> Remembered[Backwards]:
    """Authority time running backwards, remembered."""
    return remembered("reversals", using, lambda: _look_back(using))


def _find(using: str, choice: DriftChoice, threshold: Decimal) -> Findings:
    window = find_window(using, choice, most=WARNINGS)
    first_event, last_event = _events(using, choice)
    steps = clock_steps(
        using,
        first_event,
        last_event,
        agent_id=choice.agent_id,
        threshold=threshold,
        each=STEPS_EACH,
    )
    if window is None:
        return Findings(None, None, (), tuple(steps), first_event, last_event)
    figures = figures_by_agent(using, choice, window)
    counted = {step.agent_id: step.steps for step in steps}
    agents = tuple(AgentLine(each, counted.get(each.agent_id, 0)) for each in figures)
    return Findings(
        window, _draw(using, choice, window, figures), agents, tuple(steps), first_event, last_event
    )


def _draw(
    using: str, choice: DriftChoice, window: DriftWindow, figures: list[AgentFigures]
) -> Heat | None:
    if not figures:
        return None
    grid = lay_grid(window.first_time, window.last_time)
    counts = heat(using, choice, window, origin=grid.origin, step=grid.step, sizes=SIZES)
    return draw_heat(grid, counts, figures)


def _events(using: str, choice: DriftChoice) -> tuple[int, int]:
    """The newest `EVENTS` sequences of the chosen time."""
    store = PostgresEventStore(using)
    sides = [side for side in (choice.authority_from, choice.authority_to) if side]
    marks = iter(marks_before(using, sorted(sides)) if sides else ())
    low = next(marks).last_sequence + 1 if choice.authority_from else 1
    high = next(marks).last_sequence if choice.authority_to else store.last_sequence()
    return max(low, high - EVENTS + 1), high


def _look_back(using: str) -> Backwards:
    last = PostgresEventStore(using).last_sequence()
    since = max(last - APPENDS, 0)
    found = reversals(using, max(last - EVENTS + 1, 1), last, appends_after=since, limit=REVERSALS)
    return Backwards(tuple(found), since + 1)
