"""The two clocks of an event on one line, drawn to scale.

It must never pass a judgement: drift informs, and the event was accepted (AC4).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from events.drift import exact_seconds
from events.errors import TimestampError
from events.event import Event

MARGIN = Decimal(5)
"""Percent of the line left free at either end."""

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on the line, in percent from the left, and the side on which its label fits."""

    place: Decimal

    @property
    def anchor(self) -> Anchor:
        return "start" if self.place < 30 else "end" if self.place > 70 else "middle"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the line, in percent."""

    start: Decimal
    width: Decimal


@dataclass(frozen=True, slots=True)
class Clocks:
    """The distance between the two clocks, and where each stands on the line.

    `tolerated` is where the writer's clock may stand without a warning.
    """

    seconds: Decimal
    direction: str
    warned: bool
    threshold: Decimal
    local: Mark
    authority: Mark
    drifted: Stretch
    tolerated: Stretch


def read_clocks(event: Event, threshold: Decimal) -> Clocks | None:
    """The drawing; None when a timestamp cannot be read."""
    try:
        drift = event.drift
    except TimestampError:
        return None
    offset = exact_seconds(drift.offset)
    low, high = min(offset, -threshold), max(offset, threshold)

    def place(seconds: Decimal) -> Decimal:
        part = (seconds - low) / (high - low)
        return (MARGIN + (100 - 2 * MARGIN) * part).quantize(Decimal("0.01"))

    def stretch(one: Decimal, other: Decimal) -> Stretch:
        start, end = sorted((place(one), place(other)))
        return Stretch(start, end - start)

    return Clocks(
        seconds=drift.seconds,
        direction=drift.direction,
        warned=drift.exceeds(threshold),
        threshold=threshold,
        local=Mark(place(offset)),
        authority=Mark(place(Decimal(0))),
        drifted=stretch(offset, Decimal(0)),
        tolerated=stretch(-threshold, threshold),
    )
