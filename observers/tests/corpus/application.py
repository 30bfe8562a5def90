"""Cases: rows beside the chain that the application's role writes to hide a falsification. The
falsification itself takes a superuser."""

from __future__ import annotations

from events.format.event import Event
from events.tests.support.ledger import Ledger
from observers.tests.corpus.case import WATCHED, Case, Tampering, at, chain

EDIT = """UPDATE events SET payload = '{"number":1000}' WHERE sequence = 5"""
LOOK = (
    "INSERT INTO watch_looks (began_at, seconds, watcher, head_sequence, verified_through,"
    " verified_since, rolled_through, round_end, round_began_at, promised_seconds, backward_steps,"
    " open_findings, unrecorded)"
    " SELECT now() + interval '1 hour', 0, 'me', 12, 12, now(), 12, 12, now(), 86400, 0, '{}', '[]'"
)
VERIFICATION = (
    "INSERT INTO verifications (id, requested_by, start_sequence, end_sequence, state, runs,"
    " started_at, ended_at, reached_sequence, checked, last_content_hash)"
    " SELECT 1, 'auditor', 1, 12, 'finished', 1, now(), now(), 12, 12, e.content_hash"
    " FROM events e WHERE e.sequence = 12"
)


def edited_and(*statements: str) -> Tampering:
    """An edited event, and then what the application's role may do."""

    def tamper(ledger: Ledger, events: list[Event]) -> None:
        ledger.tamper(EDIT)
        with ledger.connect("portal_app") as application:
            for each in statements:
                application.execute(each)

    return tamper


CASES = [
    Case(
        "the watch told where to go on",
        "The application's role writes looks of the watch that have verified an edited event"
        " already, and removes the others.",
        edited_and("DELETE FROM watch_looks", LOOK),
        at(5, "payload_hash"),
        chain("5-5", "payload_hash"),
        banner=(WATCHED,),
        event=(5, ("payload_hash",)),
    ),
    Case(
        "a verification put on record",
        "The application's role writes the record of a sound verification of a ledger with an"
        " edited event.",
        edited_and(VERIFICATION),
        at(5, "payload_hash"),
        chain("5-5", "payload_hash"),
        banner=(WATCHED, "A verification record is not from this portal"),
        event=(5, ("payload_hash",)),
    ),
]
