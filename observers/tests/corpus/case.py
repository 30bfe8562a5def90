"""The form of a case. A case that some observer misses has to say why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from events.format.event import Event
from events.tests.support.ledger import OPENING, Ledger

VERIFY, WATCH, PAGE = "verify_ledger", "watch", "page"
EVENTS = 12
SIGNED = ("signature", "witness_signature")
WHOLE = ("content_hash", *SIGNED)

MISSING = "Events are missing"
END = "The end of the ledger is not what was recorded"
WATCHED = "The watch found something wrong"
GUARD = "A guard of the database is not in place"
HALTED = "The ledger is halted"

Healthy = Callable[[Ledger], list[Event]]
Tampering = Callable[[Ledger, list[Event]], None]


def twelve(ledger: Ledger) -> list[Event]:
    """An ordinary ledger of twelve events: those of its opening, and behind them one agent's."""
    ledger.write(EVENTS - OPENING)
    return list(ledger.store.get_events_by_sequence_range(1, EVENTS))


@dataclass(frozen=True)
class Case:
    """A falsification, and all that each of three observers finds of it.

    `who` is one sentence: who does it, and how. Nothing found is said by nothing expected, with
    its reason in `because`, by observer.
    """

    name: str
    who: str
    tamper: Tampering
    verified: tuple[tuple[int, str], ...] = ()
    """Sequence and check of every finding of `verify_ledger`."""
    watched: tuple[str, ...] = ()
    """Findings of the watch's next look: `KIND PLACE`; for guards, the deviating names."""
    among_others: bool = False
    """True if more guards deviate than `watched` names: renaming a table affects many."""
    recorded: bool = True
    """True if the ledger still accepts the watch's events."""
    banner: tuple[str, ...] = ()
    """The titles of the alarms on every page, once the watch has looked."""
    event: tuple[int, tuple[str, ...]] | None = None
    """Checks that fail on the page of one event; `missing` where there is no event."""
    because: Mapping[str, str] = field(default_factory=dict)
    saved_head: bool = False
    """True if a head saved elsewhere shows it, the only way where nothing inside does."""
    heads_remain: bool = False
    """True if the heads that the portal saved outside the database are still there."""
    leaves_traces: bool = False
    """True if the triggers that were switched off are found by their rows of the catalogue. All
    other cases are of somebody who leaves none, as who edits the files of the database."""
    healthy: Healthy = twelve
    undo: tuple[str, ...] = ()
    """Statements that undo changes to the server, which outlive the case's database."""


def statement(*statements: str) -> Tampering:
    """A tampering by plain SQL, with every trigger off."""
    return lambda ledger, events: ledger.tamper(*statements)


def as_superuser(*statements: str) -> Tampering:
    """SQL of a superuser with all triggers as they are."""

    def tamper(ledger: Ledger, events: list[Event]) -> None:
        with ledger.connect("postgres") as superuser:
            for each in statements:
                superuser.execute(each)

    return tamper


def at(sequence: int, *checks: str) -> tuple[tuple[int, str], ...]:
    """Findings of one event."""
    return tuple((sequence, check) for check in checks)


def chain(place: str, *checks: str) -> tuple[str, ...]:
    """The watch's text for wrong events: `chain FIRST-LAST CHECK`."""
    return tuple(f"chain {place} {check}" for check in checks)
