"""Cases: events removed in the middle, at either end, or all of them."""

from __future__ import annotations

from dataclasses import replace

from events.format.event import Event
from events.tests.support.ledger import Ledger
from observers.tests.corpus.case import END, GUARD, MISSING, SIGNED, WATCHED, Case, chain, statement
from observers.tests.support import forgery

EVERY_KEY = ("WITNESS:alpha", "agent-7", "agent-8", "system")


def close_up(ledger: Ledger, events: list[Event]) -> None:
    """Event 9 goes, those after it move up and are chained again; so do their appends."""
    with ledger.tampering() as superuser:
        superuser.execute("DELETE FROM events WHERE sequence >= 9")
        superuser.execute("DELETE FROM appends WHERE last_sequence >= 12")
        previous = events[7].content_hash
        for moved in events[9:]:
            forged = forgery.rehash(replace(moved, sequence=moved.sequence - 1), previous)
            forgery.insert(superuser, forged)
            superuser.execute(
                "UPDATE appends SET content_hash = %s WHERE last_sequence = %s",
                (forged.content_hash, forged.sequence),
            )
            previous = forged.content_hash


def deleted(
    name: str,
    condition: str,
    first: int,
    gap: str,
    *,
    tail: bool = False,
    keys: tuple[str, ...] = (),
) -> Case:
    """Events deleted, with the registration of `keys` among them."""
    watched = (*(f"guards key {key}" for key in keys), f"gap {gap}", *(["head"] if tail else []))
    if keys:
        watched += (*chain("1-1", "key_history"), "stray key/opening")
    return Case(
        name,
        "A superuser with the triggers off deletes events.",
        statement(f"DELETE FROM events WHERE {condition}"),
        ((first, "gap"), *([(1, "key_history")] if keys else [])),
        tuple(sorted(watched)),
        recorded=not tail,
        banner=(
            *([END] if tail else []),
            MISSING,
            *([WATCHED, GUARD] if keys else []),
        ),
        event=(first, ("missing",)),
    )


CASES = [
    deleted("deleted in the middle", "sequence BETWEEN 5 AND 7", 5, "5-7"),
    deleted("first one deleted", "sequence = 1", 1, "1-1", keys=("WITNESS:alpha", "system")),
    deleted("tail deleted", "sequence > 10", 11, "11-12", tail=True),
    deleted("all deleted", "true", 1, "1-12", tail=True, keys=EVERY_KEY),
    Case(
        "one taken out and the rest closed up",
        "A superuser deletes an event, renumbers all after it and recomputes their hashes.",
        close_up,
        tuple((n, check) for n in (9, 10, 11) for check in (*SIGNED, "head")),
        chain("9-11", *SIGNED, "head"),
        banner=(WATCHED,),
        event=(9, (*SIGNED, "head")),
    ),
    Case(
        "deleted, and remembered as seen",
        "A superuser deletes events and forges the memory of which numbers were seen.",
        statement(
            "DELETE FROM events WHERE sequence BETWEEN 5 AND 7",
            "UPDATE continuity_memory SET seen_whole = '{[1,13)}', looked_through = 12",
        ),
        ((5, "gap"),),
        ("gap 5-7",),
        banner=(WATCHED,),
        event=(5, ("missing",)),
    ),
]
