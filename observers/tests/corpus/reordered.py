"""Cases: events reordered with their contents unchanged."""

from __future__ import annotations

from dataclasses import replace

from events.format.event import Event
from events.tests.support.ledger import Ledger
from observers.tests.corpus.case import SIGNED, WATCHED, Case, at, chain, statement
from observers.tests.support import forgery

SWAPPED = ("content_hash", "prev_hash", *SIGNED, "head")


def swap_and_rechain(ledger: Ledger, events: list[Event]) -> None:
    """Events 10 and 11 change places, and all hashes from there are made right."""
    order = [*events[:9], replace(events[10], sequence=10), replace(events[9], sequence=11)]
    with ledger.tampering() as superuser:
        superuser.execute("DELETE FROM events WHERE sequence IN (10, 11)")
        for moved in order[9:]:
            forgery.insert(superuser, moved)
        first = replace(order[9], prev_hash=events[8].content_hash)
        forgery.rechain(superuser, [*order, events[11]], first)


CASES = [
    Case(
        "two swapped",
        "A superuser gives two events each other's numbers.",
        statement(
            "UPDATE events SET sequence = 1000 WHERE sequence = 4",
            "UPDATE events SET sequence = 4 WHERE sequence = 7",
            "UPDATE events SET sequence = 7 WHERE sequence = 1000",
        ),
        (*at(4, *SWAPPED, "head"), (5, "prev_hash"), *at(7, *SWAPPED, "head"), (8, "prev_hash")),
        (
            *chain("4-4", "content_hash", *SIGNED, "head"),
            *chain("4-5", "prev_hash"),
            *chain("7-7", "content_hash", *SIGNED, "head"),
            *chain("7-8", "prev_hash"),
        ),
        banner=(WATCHED,),
        event=(4, SWAPPED),
    ),
    Case(
        "two swapped and re-chained",
        "A superuser gives two events each other's numbers and recomputes every hash after.",
        swap_and_rechain,
        (*at(10, *SIGNED, "head"), *at(11, *SIGNED, "head"), *at(12, *SIGNED)),
        (*chain("10-12", *SIGNED), *chain("10-11", "head")),
        banner=(WATCHED,),
        event=(10, (*SIGNED, "head")),
    ),
]
