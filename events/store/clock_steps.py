"""Clocks that jumped: an agent's, and the authority's own. It must never judge why."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from events.store.connection import fetch_all
from events.store.drift_imports import ImportSpans


@dataclass(frozen=True, slots=True)
class ClockStep:
    """Two events of an agent that follow one another, and how far its clock was off at each:
    seconds, positive when ahead. `steps` counts all of this agent's."""

    sequence: int
    previous_sequence: int
    agent_id: str | None
    authority_timestamp: str
    before_seconds: Decimal
    after_seconds: Decimal
    steps: int

    @property
    def change_seconds(self) -> Decimal:
        """How far the clock was moved; positive when forward."""
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
    """The newest `each` steps of every agent among the events start … end, newest first. Events of
    imports are left out: they have the times of their records."""
    values: dict[str, Any] = {
        **spans.parameters(),
        "start": start,
        "end": end,
        "agent_id": agent_id,
        "threshold": threshold,
        "each": each,
    }
    return [ClockStep(*row) for row in fetch_all(using, "clock_steps", values)]


def reversals(
    using: str, start: int, end: int, *, appends_after: int, limit: int
) -> list[Reversal]:
    """Where authority time runs against the sequence: among the appends that end after
    `appends_after`, and among the events start … end; newest first."""
    values = {"start": start, "end": end, "appends_after": appends_after, "limit": limit}
    return [Reversal(*row) for row in fetch_all(using, "authority_reversals", values)]
