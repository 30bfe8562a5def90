"""Sample agents for an empty ledger: their events, and the faults of their clocks.

Invariant: played only into a ledger that nobody uses. The events name no person.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from events.format.canonical import canonicalize
from events.format.event import new_event_id
from events.submission import Submission

Clock = Callable[[], datetime]
Happening = tuple[str, dict[str, Any]]
"""An event type and its payload."""

SEED = 20
STUCK = datetime(1970, 1, 1, tzinfo=UTC)
GAIN = timedelta(milliseconds=400)
"""The thermometer's clock gains this much between two readings: over 5 seconds at the 13th."""

STARTED = Submission(
    event_type="sample.started",
    canonical_payload=canonicalize(
        {"note": "The events of these agents are played; PORTAL_SAMPLE=0 starts without them."}
    ),
    agent_id=None,
    event_id="5a3b1e00-0000-8000-8000-000000000001",
)
"""The first event of the sample. Its id is fixed, so a second player finds it there and stops."""


@dataclass(frozen=True, slots=True)
class SampleAgent:
    """A machine or service: the events it records and the clock it uses."""

    agent_id: str
    happen: Callable[[random.Random], Happening]
    read_clock: Callable[[datetime, int], datetime] = lambda now, number: now


def play(seed: int = SEED, clock: Clock = lambda: datetime.now(UTC)) -> Iterator[Submission]:
    """Yield endless submissions, the same for the same seed except for their times and ids."""
    chance = random.Random(seed)  # noqa: S311 - a play, no secret
    count = dict.fromkeys(AGENTS, 0)
    for agent in itertools.cycle(_ROTA):
        count[agent] += 1
        event_type, payload = agent.happen(chance)
        yield Submission(
            event_type=event_type,
            canonical_payload=canonicalize(payload),
            agent_id=agent.agent_id,
            local_timestamp=agent.read_clock(clock(), count[agent]),
            event_id=new_event_id(),
        )


def _door(chance: random.Random) -> Happening:
    payload: dict[str, Any] = {
        "door": chance.choice(["north gate", "server room", "loading bay"]),
        "badge": f"B-{chance.randint(1000, 1040)}",
    }
    if chance.random() < 0.15:
        reason = chance.choice(["badge expired", "not allowed at this hour", "wrong zone"])
        return "access.denied", payload | {"reason": reason}
    return "door.opened", payload | {"direction": chance.choice(["in", "out"])}


def _payroll(chance: random.Random) -> Happening:
    employee = f"E-{chance.randint(100, 160)}"
    if chance.random() < 0.25:
        changed = {"employee": employee, "field": "bank account", "changed_by": "E-104"}
        return "payroll.changed", changed | {"approvals": chance.randint(1, 2)}
    gross = f"{chance.randint(2200, 6400)}.{chance.randint(0, 99):02}"
    return "payslip.issued", {"employee": employee, "gross": gross, "currency": "EUR"}


def _backup(chance: random.Random) -> Happening:
    volume = {"volume": chance.choice(["files", "mail", "ledger"])}
    if chance.random() < 0.2:
        return "backup.failed", volume | {"error": "target is full", "retry_in_seconds": 900}
    size = chance.randint(2 * 10**9, 9 * 10**10)
    digest = f"{chance.getrandbits(256):064x}"
    return "backup.finished", volume | {"bytes": size, "sha256": digest}


def _thermometer(chance: random.Random) -> Happening:
    celsius = round(chance.gauss(-78.5, 1.5), 1)
    return "temperature.measured", {"freezer": 3, "celsius": celsius, "alarm_above": -70}


def _plc(chance: random.Random) -> Happening:
    valve = {"valve": f"V{chance.randint(1, 8)}", "open_percent": chance.randrange(0, 101, 5)}
    return "valve.moved", valve


_DOOR = SampleAgent("door-controller", _door)
_PAYROLL = SampleAgent("payroll-service", _payroll)
_BACKUP = SampleAgent("backup-job", _backup)
_THERMOMETER = SampleAgent(
    "lab-thermometer", _thermometer, lambda now, number: now + (number - 1) * GAIN
)
_PLC = SampleAgent("old-plc", _plc, lambda now, number: STUCK)

AGENTS = (_DOOR, _PAYROLL, _BACKUP, _THERMOMETER, _PLC)
_ROTA = (_DOOR, _THERMOMETER, _PAYROLL, _DOOR, _PLC, _THERMOMETER, _BACKUP, _DOOR)
