"""The overview page: state of the ledger, activity charts, busiest agents, latest events.

Every figure links to the page behind it. Activity is computed from stored totals, so its cost
does not grow with the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from events.access.request_context import note_events
from events.store.drift import shown_threshold
from events.store.imports import recent_drift
from events.store.ledger import EventFilter, PostgresEventStore
from events.store.status import busiest_agents, marks_before
from observers.pages.cache import CachedAnswer, cached_in_proportion
from observers.pages.events.form import COLUMNS, USUAL_COLUMNS
from observers.pages.events.timeline import Line
from observers.pages.gaps.coverage import draw
from observers.pages.permissions import require_reader
from observers.pages.rendering import render_page
from observers.pages.status import LedgerStatus, read_status
from observers.replica.lag import Lag
from observers.replica.reading import has_replica, lag_of, why_left
from observers.replica.trust import Left, Why

WIDTH, HEIGHT = 720, 120
LOWEST = 2
"""Height of the smallest non-zero bar, so that one event among a million shows."""
GAP = 0.15
"""Share of a bar's slot that stays empty."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A half-open stretch of time, its count and its rectangle. The slot includes the gap."""

    begins: datetime
    ends: datetime
    count: int
    x: float
    y: float
    width: float
    height: float
    slot_x: float
    slot_width: float

    @property
    def query(self) -> str:
        """The query of the events page for this stretch."""
        edges = {"authority_from": self.begins, "authority_to": self.ends}
        return urlencode(
            {name: f"{edge:%Y-%m-%dT%H:%M:%S}" for name, edge in edges.items()}, safe=":"
        )


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar chart of `WIDTH` by `HEIGHT`."""

    bars: tuple[Bar, ...]
    step: timedelta

    @property
    def total(self) -> int:
        return sum(bar.count for bar in self.bars)

    @property
    def highest(self) -> int:
        return max((bar.count for bar in self.bars), default=0)

    @property
    def begins(self) -> datetime:
        return self.bars[0].begins

    @property
    def ends(self) -> datetime:
        return self.bars[-1].ends

    @property
    def busy(self) -> list[Bar]:
        """The bars that are not empty, newest first, for the table."""
        return [bar for bar in reversed(self.bars) if bar.count]


def draw_bars(moments: Sequence[datetime], counts: Sequence[int]) -> Bars:
    """Draw the bars between `moments`; `counts` is one shorter."""
    highest = max(counts, default=0)
    slot = WIDTH / len(counts)
    bars = []
    for number, count in enumerate(counts):
        height = max(count / highest * HEIGHT, LOWEST) if count else 0
        bars.append(
            Bar(
                moments[number],
                moments[number + 1],
                count,
                x=round((number + GAP / 2) * slot, 2),
                y=round(HEIGHT - height, 2),
                width=round(slot * (1 - GAP), 2),
                height=round(height, 2),
                slot_x=round(number * slot, 2),
                slot_width=round(slot, 2),
            )
        )
    return Bars(tuple(bars), moments[1] - moments[0])


MINUTES, HOURS = 60, 24
AGENTS = 8
WINDOW = 200_000
"""Most numbers of the sequence over which the busiest agents are counted."""


@dataclass(frozen=True, slots=True)
class AgentShare:
    """An agent (None: the system), its events, and these as percent of the busiest agent's."""

    agent_id: str | None
    events: int
    percent: float


@dataclass(frozen=True, slots=True)
class Activity:
    """The last hour, the last day, and the busiest agents after sequence `after`.

    `cut`: the day held more than `WINDOW` numbers, so the agents' figures cover less than a day.
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


@dataclass(frozen=True, slots=True)
class ReplicaTile:
    """The replica's lag while it is read; otherwise why the primary is read instead."""

    lag: Lag | None
    left: Left | None

    @property
    def trouble(self) -> str:
        """The reason why the replica is not read, in words; "" while it is."""
        if self.left is None:
            return ""
        if self.left.why is Why.BEHIND:
            return "the replica is too far behind"
        return "the replica cannot be read"


def read_replica_tile() -> ReplicaTile | None:
    """Return None if no replica is configured."""
    if not has_replica():
        return None
    return ReplicaTile(lag_of(settings.LEDGER_READ_ALIAS), why_left())


LATEST = 15


@require_reader
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Shows the state of the ledger and its latest events."""
    using = settings.LEDGER_READ_ALIAS
    outlook = read_status()
    latest = PostgresEventStore(using).select(EventFilter(), limit=LATEST, newest_first=True)
    note_events(request, len(latest))
    drift = cached_in_proportion(
        "recent-drift", using, lambda: recent_drift(using, timezone.now())
    ).answer
    last_hour, last_day = drift
    activity = _activity(using, outlook)
    context = {
        "lines": [Line(event=event) for event in latest],
        "columns": [(name, COLUMNS[name]) for name in USUAL_COLUMNS],
        "last_hour": last_hour,
        "last_day": last_day,
        "threshold": shown_threshold(using),
        "ribbon": draw(outlook.scan.found),
        "replica": read_replica_tile(),
        "activity": activity.answer if activity else None,
        "activity_at": activity.found_at if activity else None,
        "site": f"{request.scheme}://{request.get_host()}",
        "nobody_wrote": outlook.standing.last_sequence == len(latest)
        and all(event.agent_id is None for event in latest),
    }
    return render_page(request, "overview.html", outlook, context)


def _activity(using: str, outlook: LedgerStatus) -> CachedAnswer[Activity] | None:
    """None while there is nothing to draw."""
    if outlook.empty:
        return None
    return cached_in_proportion("activity", using, lambda: read_activity(using))
