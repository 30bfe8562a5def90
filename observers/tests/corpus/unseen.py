"""Falsifications that nothing inside the database can show, and why. The list is complete, also
where that is embarrassing."""

from __future__ import annotations

from dataclasses import replace

from events.format.event import Event
from events.tests.support.ledger import Ledger
from observers.tests.corpus.case import PAGE, VERIFY, WATCH, Case, statement
from observers.tests.support import forgery

SAVED = "not found by anything inside; found against a saved head"
NOTHING = dict.fromkeys((VERIFY, WATCH, PAGE), SAVED)


def rewrite(ledger: Ledger, events: list[Event]) -> None:
    """The ledger rewritten from event 5 on, with the agent's and the witness's private keys."""
    previous = events[3].content_hash
    with ledger.tampering() as superuser:
        for original in events[4:]:
            payload = '{"number":400}' if original.sequence == 5 else original.payload
            forged = forgery.resign(replace(original, payload=payload, prev_hash=previous))
            forgery.overwrite(superuser, forged)
            forgery.record(superuser, forged)
            previous = forged.content_hash


cut = statement(
    "DELETE FROM events WHERE sequence > 10", "DELETE FROM appends WHERE last_sequence > 10"
)
put_back = statement(
    "DELETE FROM events WHERE sequence > 10",
    "DELETE FROM appends WHERE last_sequence > 10",
    "DELETE FROM watch_looks",
)

CASES = [
    Case(
        "the ledger rewritten with every key",
        "Somebody with all private keys and a superuser's rights rewrites an event and signs"
        " everything after it again; the heads beside the database are gone.",
        rewrite,
        because=NOTHING,
        saved_head=True,
    ),
    Case(
        "the tail cut off, and its record too",
        "A superuser deletes the last events together with their appends, and the heads beside"
        " the database.",
        cut,
        because=NOTHING,
        saved_head=True,
    ),
    Case(
        "an old backup put back",
        "Somebody puts back a copy of the machine's whole disk that ends earlier.",
        put_back,
        because=NOTHING,
        saved_head=True,
    ),
]
