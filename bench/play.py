"""Simulated events: twenty agents, twelve types, some wrong clocks. Deterministic."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

import orjson

from events.format.canonical import canonicalize_text

SEED = 3
STUCK_AGENT, FAST_AGENT, RARE_AGENT = "old-plc", "lab-thermometer", "fire-alarm"
AGENTS = (
    *(f"door-controller-{n:02}" for n in range(1, 8)),
    *(f"payroll-service-{n:02}" for n in range(1, 6)),
    *(f"backup-job-{n:02}" for n in range(1, 6)),
    STUCK_AGENT,
    FAST_AGENT,
    RARE_AGENT,
)
AGENT_WEIGHTS = (*(60 / (n + 1) for n in range(17)), 0.6, 1.1, 0.01)
RARE_TYPE = "alarm.raised"
TYPES = (
    "door.opened",
    "door.closed",
    "payslip.issued",
    "access.denied",
    "backup.finished",
    "login.succeeded",
    "login.failed",
    "backup.failed",
    "payroll.changed",
    "temperature.measured",
    "valve.moved",
    RARE_TYPE,
)
TYPE_WEIGHTS = (40, 38, 20, 12, 10, 9, 5, 3, 2, 1.5, 1, 0.01)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BLOCK = 10_000


@dataclass(frozen=True, slots=True)
class Happening:
    """One event to write; `clock` is the offset of the agent's clock."""

    agent_id: str
    event_type: str
    payload: bytes
    clock: timedelta | None
    """The clock's offset; None: it has stopped in 1970."""

    def local_time(self, now: datetime) -> datetime:
        return EPOCH if self.clock is None else now + self.clock


def play(count: int) -> Iterator[Happening]:
    """`count` events, the same every time."""
    chance = random.Random(SEED)  # noqa: S311 - a play, no secret
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        agents = chance.choices(AGENTS, AGENT_WEIGHTS, k=size)
        types = chance.choices(TYPES, TYPE_WEIGHTS, k=size)
        for number, agent, event_type in zip(
            range(start, start + size), agents, types, strict=True
        ):
            payload = orjson.dumps({"number": number, "subject": f"S-{chance.randrange(5000)}"})
            yield Happening(agent, event_type, payload, _clock(agent, chance))


def _clock(agent: str, chance: random.Random) -> timedelta | None:
    """A clock offset; about one event in a hundred drifts by more than five seconds."""
    if agent == STUCK_AGENT:
        return None
    if agent == FAST_AGENT:
        return timedelta(seconds=5.5 + 600 * chance.random())
    return timedelta(milliseconds=chance.randrange(-250, 250))


def retell(log: Path, count: int) -> Iterator[Happening]:
    """`count` events whose payloads are the lines of a log, repeated."""
    payloads = [canonicalize_text(line) for line in log.read_bytes().splitlines() if line.strip()]
    for happening, payload in zip(play(count), islice(cycle(payloads), count), strict=True):
        yield Happening(happening.agent_id, "log.line", payload, happening.clock)
