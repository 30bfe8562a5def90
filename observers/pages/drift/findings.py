"""Computes what the drift page shows: figures by agent, the heat map, clock jumps and imports.

Invariant: every query has a bounded window, and the page names the window.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal

from events.store.drift import DriftFilter
from events.store.drift_figures import (
    AgentFigures,
    ClockStep,
    DriftWindow,
    Reversal,
    clock_steps,
    figures_by_agent,
    heat,
    reversals,
)
from events.store.imports import ImportDrift, ImportSpans, drift_of_imports, list_imports, spans_of
from events.store.ledger import PostgresEventStore
from events.store.status import marks_before
from observers.pages.cache import CachedAnswer, cached_in_proportion
from observers.pages.drift.heat import SIZES, Heat, draw_heat, lay_grid

WARNINGS = 1_000_000
"""Newest warnings of running clocks that the figures cover; some 20 µs each."""

IMPORTS = 20
"""Newest imports with warnings that are listed."""

EVENTS = 50_000
"""Newest events of the chosen time that are searched for clock jumps."""

APPENDS = 200_000
"""Sequence numbers whose appends are searched for authority time running backwards."""

STEPS_EACH, REVERSALS = 5, 50


@dataclass(frozen=True, slots=True)
class AgentLine:
    """An agent's figures, and how often its clock jumped in the searched events."""

    figures: AgentFigures
    steps: int

    @property
    def direction(self) -> str:
        """`ahead`, `behind`, or the share of warnings ahead."""
        if self.figures.ahead == self.figures.warnings:
            return "ahead"
        if not self.figures.ahead:
            return "behind"
        return f"ahead in {self.figures.ahead:,} of {self.figures.warnings:,}"


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings for a filter. `first_event` … `last_event` were searched for clock jumps;
    `imports`, `import_warnings` and `import_count` cover the whole ledger."""

    window: DriftWindow | None
    heat: Heat | None
    agents: tuple[AgentLine, ...]
    steps: tuple[ClockStep, ...]
    first_event: int
    last_event: int
    imports: tuple[ImportDrift, ...]
    import_warnings: int
    import_count: int

    @property
    def warnings(self) -> int:
        """Number of warnings that the figures cover."""
        return self.window.warnings if self.window else 0


@dataclass(frozen=True, slots=True)
class Backwards:
    """Places where authority time ran backwards, searched for from sequence `since`."""

    found: tuple[Reversal, ...]
    since: int

    @property
    def more(self) -> bool:
        """True when the list reached its limit."""
        return len(self.found) == REVERSALS


def find(using: str, chosen: DriftFilter, threshold: Decimal) -> CachedAnswer[Findings]:
    """The findings for a filter, cached."""
    name = hashlib.sha256(repr((chosen, threshold)).encode()).hexdigest()[:16]
    return cached_in_proportion(f"drift-{name}", using, lambda: _find(using, chosen, threshold))


def look_back(using: str) -> CachedAnswer[Backwards]:
    """Places where authority time ran backwards, cached."""
    return cached_in_proportion("reversals", using, lambda: _look_back(using))


def _find(using: str, chosen: DriftFilter, threshold: Decimal) -> Findings:
    imports = list_imports(using)
    spans = spans_of(imports)
    window, figures = figures_by_agent(using, chosen, spans, most=WARNINGS)
    first_event, last_event = _events(using, chosen)
    steps = clock_steps(
        using,
        first_event,
        last_event,
        spans,
        agent_id=chosen.agent_id,
        threshold=threshold,
        each=STEPS_EACH,
    )
    counted = {step.agent_id: step.steps for step in steps}
    drifted = drift_of_imports(using, imports)
    return Findings(
        window=window,
        heat=_draw(using, chosen, spans, window, figures) if window else None,
        agents=tuple(AgentLine(each, counted.get(each.agent_id, 0)) for each in figures),
        steps=tuple(steps),
        first_event=first_event,
        last_event=last_event,
        imports=tuple(drifted[:IMPORTS]),
        import_warnings=sum(each.warnings for each in drifted),
        import_count=len(drifted),
    )


def _draw(
    using: str,
    chosen: DriftFilter,
    spans: ImportSpans,
    window: DriftWindow,
    figures: list[AgentFigures],
) -> Heat:
    grid = lay_grid(window.first_time, window.last_time)
    counts = heat(
        using, chosen, spans, most=WARNINGS, origin=grid.origin, step=grid.step, sizes=SIZES
    )
    return draw_heat(grid, counts, figures)


def _events(using: str, chosen: DriftFilter) -> tuple[int, int]:
    """The newest `EVENTS` sequences of the chosen time."""
    store = PostgresEventStore(using)
    sides = [side for side in (chosen.authority_from, chosen.authority_to) if side]
    marks = iter(marks_before(using, sorted(sides)) if sides else ())
    low = next(marks).last_sequence + 1 if chosen.authority_from else 1
    high = next(marks).last_sequence if chosen.authority_to else store.last_sequence()
    return max(low, high - EVENTS + 1), high


def _look_back(using: str) -> Backwards:
    last = PostgresEventStore(using).last_sequence()
    since = max(last - APPENDS, 0)
    found = reversals(using, max(last - EVENTS + 1, 1), last, appends_after=since, limit=REVERSALS)
    return Backwards(tuple(found), since + 1)
