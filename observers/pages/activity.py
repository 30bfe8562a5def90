"""How busy the ledger is: events by minute and by hour, and by whom. It must never count rows one
by one over a stretch that grows with the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from events.store.busiest import busiest_agents
from events.store.ledger import PostgresEventStore
from events.store.rate import marks_before
from observers.pages.bars import Bars, draw_bars

MINUTES, HOURS = 60, 24
AGENTS = 8
WINDOW = 200_000
"""Numbers of the sequence that the busiest agents are counted over, at most."""


@dataclass(frozen=True, slots=True)
class AgentShare:
    """An agent (None: the system), its events, and these as percent of the busiest agent's."""

    agent_id: str | None
    events: int
    percent: float


@dataclass(frozen=True, slots=True)
class Activity:
    """The last hour, the last day, and the busiest agents after sequence `after`.

    `cut` says that the day held more than `WINDOW` numbers, so the agents' figures cover less.
    """

    minutes: Bars
    hours: Bars
    agents: tuple[AgentShare, ...]
    after: int
    cut: bool


def read_activity(using: str) -> Activity:
    """The activity up to now, in whole minutes and hours of UTC."""
    now = datetime.now(UTC)
    minute = now.replace(second=0, microsecond=0)
    minutes = _moments(minute, timedelta(minutes=1), MINUTES)
    hours = _moments(minute.replace(minute=0), timedelta(hours=1), HOURS)
    day_ago = now - timedelta(days=1)
    moments = sorted({*minutes, *hours, day_ago})
    marks = dict(zip(moments, marks_before(using, moments), strict=True))
    day_start, floor = (
        marks[day_ago].last_sequence,
        max(PostgresEventStore(using).last_sequence() - WINDOW, 0),
    )
    after = max(day_start, floor)

    def bars(edges: list[datetime]) -> Bars:
        totals = [marks[edge].event_count for edge in edges]
        steps = [max(b - a, 0) for a, b in pairwise(totals)]
        return draw_bars(edges, steps)

    return Activity(bars(minutes), bars(hours), _agents(using, after), after, floor > day_start)


def _moments(newest: datetime, step: timedelta, count: int) -> list[datetime]:
    """The edges of `count` steps, of which the last begins at `newest`."""
    return [newest + step * (number + 1 - count) for number in range(count + 1)]


def _agents(using: str, after: int) -> tuple[AgentShare, ...]:
    found = busiest_agents(using, after, limit=AGENTS)
    most = max((events for _, events in found), default=1)
    return tuple(AgentShare(agent, count, round(100 * count / most, 1)) for agent, count in found)
