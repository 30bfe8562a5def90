"""Cases: two events that name one predecessor, with an unambiguous head."""

from __future__ import annotations

from dataclasses import replace

from events.format.event import Event
from events.tests.support.ledger import Ledger
from observers.tests.corpus.case import WATCHED, WHOLE, Case, at, chain, statement
from observers.tests.support import forgery


def fork_with_stolen_keys(ledger: Ledger, events: list[Event]) -> None:
    """Event 6 is signed again as the successor of event 3."""
    with ledger.tampering() as superuser:
        forged = forgery.resign(replace(events[5], prev_hash=events[2].content_hash))
        forgery.overwrite(superuser, forged)
        forgery.record(superuser, forged)


CASES = [
    Case(
        "link bent to another predecessor",
        "A superuser makes an event name the predecessor of an earlier one.",
        statement(
            "UPDATE events SET prev_hash = (SELECT prev_hash FROM events WHERE sequence = 2)"
            " WHERE sequence = 4"
        ),
        at(4, "content_hash", "prev_hash", "signature", "witness_signature"),
        (*chain("4-4", "prev_hash", *WHOLE), "fork 2,4"),
        banner=(WATCHED,),
        event=(4, ("content_hash", "prev_hash", "signature", "witness_signature")),
    ),
    Case(
        "forked with stolen keys",
        "Somebody with the agent's and the witness's private keys signs an event again as the"
        " successor of an earlier one, with its append.",
        fork_with_stolen_keys,
        ((6, "prev_hash"), (7, "prev_hash")),
        (*chain("6-7", "prev_hash"), "fork 4,6"),
        banner=(WATCHED,),
        event=(6, ("prev_hash",)),
    ),
]
