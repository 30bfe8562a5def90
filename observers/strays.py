"""Rows that stand outside the sequence: numbered below 1, without a number, or with another's.

What the chain can show of an event, its checks show; here is what no walk along the chain meets.
"""

from __future__ import annotations

from dataclasses import dataclass

from events.store import appends
from events.store.ledger import GapReport, PostgresEventStore
from observers.checks import Check, Finding

MOST = 100
"""Strays that one look names."""


@dataclass(frozen=True, slots=True)
class Stray:
    """A row, or several of one number, that nothing in the chain stands for. `place` names it among
    strays; `sequence` is the number it claims, None when it has none."""

    place: str
    sequence: int | None
    reason: str
    text: str
    check: Check = Check.GAP

    def as_dict(self) -> dict[str, int | str | None]:
        """In JSON, with nothing of the event but its number."""
        return {"sequence": self.sequence, "reason": self.reason}

    def finding(self) -> Finding:
        """As a finding of a verification; 0 is the place of what has no number."""
        return Finding(self.sequence or 0, self.check, self.text)


def rows_below_one(using: str, *, limit: int = MOST) -> list[Stray]:
    """Events numbered below 1, where the sequence begins, or not at all."""
    rows = PostgresEventStore(using).rows_below_one(limit=limit)
    return [_below_one(sequence, event_id) for sequence, event_id in rows]


def appends_below_one(using: str, *, limit: int = MOST) -> list[Stray]:
    """Rows of the record of appends that end below 1, or nowhere."""
    return [
        Stray(
            f"append/{'none' if last is None else last}",
            last,
            "below_one" if last is not None else "no_number",
            f"an append ends with the number {last}; the first event is 1",
            Check.HEAD,
        )
        for last in appends.below_one(using, limit=limit)
    ]


def strays_below_one(using: str) -> list[Stray]:
    """Whatever the ledger has outside the sequence."""
    return [*rows_below_one(using), *appends_below_one(using)]


def rows_twice(report: GapReport) -> list[Stray]:
    """Numbers that more than one event has."""
    return [
        Stray(f"{number}", number, "repeated", f"more than one event has the number {number}")
        for number in sorted(set(report.repeated))
    ]


def _below_one(sequence: int | None, event_id: str | None) -> Stray:
    if sequence is None:
        return Stray(f"none/{event_id}", None, "no_number", f"event {event_id} has no number")
    text = f"event {event_id} has the number {sequence}; the first is 1"
    return Stray(f"{sequence}/{event_id}", sequence, "below_one", text)
