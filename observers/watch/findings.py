"""Findings of the watch, and which of them the ledger already records: a pure state machine over
findings by kind and place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """The kinds of findings, most serious first."""

    ROLLBACK = "rollback"
    HEAD = "head"
    FORK = "fork"
    CHAIN = "chain"
    GAP = "gap"
    STRAY = "stray"
    GUARDS = "guards"
    ROUND = "round"


OPENINGS = {
    Kind.ROLLBACK: "system.rollback_detected",
    Kind.HEAD: "system.head_mismatch",
    Kind.FORK: "system.fork_detected",
    Kind.CHAIN: "system.chain_broken",
    Kind.GAP: "sequence.gap_detected",
    Kind.STRAY: "system.stray_row",
    Kind.GUARDS: "system.guards_changed",
    Kind.ROUND: "system.verification_overdue",
}
"""The type of the event that opens a finding of each kind."""

RESTORED = "system.guards_restored"
CLOSED = "system.finding_closed"
TYPES = (*OPENINGS.values(), RESTORED, CLOSED)

MOST_NEW = 100
"""Findings that one look writes; what is more is written by the next ones."""


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: kind, place, a sentence, and the payload of its event."""

    kind: Kind
    place: str
    text: str
    payload: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The identity of a finding."""
        return f"{self.kind} {self.place}"


@dataclass(frozen=True, slots=True)
class Known:
    """A finding that an event of the ledger opened and no event has closed."""

    key: str
    sequence: int
    since: str

    @property
    def kind(self) -> Kind:
        return Kind(self.key.split(" ", 1)[0])


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes to record: new findings, and known ones that ended."""

    begun: tuple[Found, ...]
    ended: tuple[Known, ...]


def known_findings(
    recorded: Iterable[tuple[int, str, str, str]], distrusted: Collection[int] = ()
) -> dict[str, Known]:
    """Returns the open findings from the watch's events in order: sequence, type, finding, time.

    Events that are themselves found wrong are ignored: a forged finding event must not be able to
    suppress a real finding. All guards together have one state.
    """
    kinds = {event_type: kind for kind, event_type in OPENINGS.items()}
    known: dict[str, Known] = {}
    for sequence, event_type, key, moment in recorded:
        if sequence in distrusted:
            continue
        if event_type in kinds and key.startswith(f"{kinds[event_type]} "):
            if kinds[event_type] is Kind.GUARDS:
                known = _without_guards(known)
            known[key] = Known(key, sequence, moment)
        elif event_type == RESTORED:
            known = _without_guards(known)
        elif event_type == CLOSED:
            known.pop(key, None)
    return known


def diff(
    known: Mapping[str, Known],
    found: Iterable[Found],
    looked_at: Collection[Kind],
    sound_again: Collection[str] = (),
) -> Changes:
    """Returns the changes. A finding ends when it was not found again: those of kinds that were
    completely `looked_at`, and those examined individually and `sound_again`."""
    now = {each.key: each for each in found}
    begun = [each for key, each in now.items() if key not in known]
    ended = [
        each
        for key, each in known.items()
        if key in sound_again or (key not in now and each.kind in looked_at)
    ]
    if any(each.kind is Kind.GUARDS for each in begun):
        ended = [each for each in ended if each.kind is not Kind.GUARDS]  # one state, one event
    order = list(Kind)
    begun.sort(key=lambda each: order.index(each.kind))
    return Changes(tuple(begun[:MOST_NEW]), tuple(ended[:MOST_NEW]))


def _without_guards(known: dict[str, Known]) -> dict[str, Known]:
    return {key: each for key, each in known.items() if each.kind is not Kind.GUARDS}
