"""Cases: events that no writer wrote, and events written twice. The forger has no key."""

from __future__ import annotations

from dataclasses import replace

from events.format.event import Event
from events.tests.support.ledger import Ledger
from observers.tests.corpus.case import END, EVENTS, SIGNED, WATCHED, Case, at, chain
from observers.tests.support import forgery

OTHER_ID = "0191d7a0-0000-7000-8000-00000000000f"
APPEND = (
    "INSERT INTO appends SELECT sequence, sequence, content_hash, authority_timestamp, sequence"
    f" FROM events WHERE sequence = {EVENTS + 1}"
)


def forge_beyond_the_head(ledger: Ledger, events: list[Event]) -> None:
    forged = replace(events[-1], event_id=OTHER_ID, sequence=EVENTS + 1)
    with ledger.tampering() as superuser:
        forgery.insert(superuser, forgery.rehash(forged, events[-1].content_hash))


def forge_with_its_append(ledger: Ledger, events: list[Event]) -> None:
    forge_beyond_the_head(ledger, events)
    ledger.tamper(APPEND)


def replay(ledger: Ledger, events: list[Event]) -> None:
    """Event 5 once more at the end: the row as it is, under another id."""
    with ledger.tampering() as superuser:
        forgery.insert(superuser, replace(events[4], event_id=OTHER_ID, sequence=EVENTS + 1))
        superuser.execute(APPEND)


def replay_linked(ledger: Ledger, events: list[Event]) -> None:
    """Event 5 once more at the end, linked and hashed as one of that place."""
    again = replace(events[4], event_id=OTHER_ID, sequence=EVENTS + 1)
    with ledger.tampering() as superuser:
        forgery.insert(superuser, forgery.rehash(again, events[-1].content_hash))
        superuser.execute(APPEND)


CASES = [
    Case(
        "forged one beyond the head",
        "A superuser inserts a well-linked event that nobody signed, without an append.",
        forge_beyond_the_head,
        at(13, *SIGNED, "head"),
        (*chain("13-13", *SIGNED, "head"), "head"),
        recorded=False,
        banner=(END, WATCHED),
        event=(13, (*SIGNED, "head")),
    ),
    Case(
        "forged one with its append",
        "A superuser inserts a well-linked event that nobody signed, and its record of an append.",
        forge_with_its_append,
        at(13, *SIGNED),
        chain("13-13", *SIGNED),
        banner=(WATCHED,),
        event=(13, SIGNED),
    ),
    Case(
        "replayed as it was",
        "A superuser copies the row of an event to the end under another id.",
        replay,
        at(13, "content_hash", "prev_hash", *SIGNED),
        (*chain("13-13", "content_hash", "prev_hash", *SIGNED), "fork 5,13"),
        banner=(WATCHED,),
        event=(13, ("content_hash", "prev_hash", *SIGNED)),
    ),
    Case(
        "replayed and linked",
        "A superuser copies an event to the end, linked and hashed as one of that place.",
        replay_linked,
        at(13, *SIGNED),
        chain("13-13", *SIGNED),
        banner=(WATCHED,),
        event=(13, SIGNED),
    ),
]
