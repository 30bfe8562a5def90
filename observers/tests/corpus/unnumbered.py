"""Rows outside the sequence: numbered below 1, or with a number that another has.

Who writes them puts the constraints and indexes back as they were, so that no guard shows it.
"""

from __future__ import annotations

from events.format.event import Event
from events.tests.support.ledger import Ledger
from observers.tests.corpus.case import (
    END,
    MISSING,
    WATCHED,
    WHOLE,
    Case,
    Tampering,
    at,
    chain,
    statement,
)

COPY = (
    "INSERT INTO events SELECT '0191d7a0-0000-7000-8000-00000000000f', {sequence}, 'test.forged',"
    """ '{{"forged": true}}', prev_hash, content_hash, signature, hash_alg_version,"""
    " sig_alg_version, agent_id, witness_id, witness_signature, local_timestamp,"
    " authority_timestamp, signing_key_id, payload_hash, payload_salt"
    " FROM events WHERE sequence = 7"
)
ANY_NUMBER = "ALTER TABLE events DROP CONSTRAINT events_sequence_check"
FROM_ONE = (
    "ALTER TABLE events ADD CONSTRAINT events_sequence_check CHECK (sequence > 0) NOT VALID",
    "UPDATE pg_constraint SET convalidated = true WHERE conname = 'events_sequence_check'",
)
TWICE = "UPDATE pg_index SET indisunique = {} WHERE indexrelid = 'events_sequence_key'::regclass"


def numbered(sequence: str) -> tuple[str, ...]:
    return (ANY_NUMBER, COPY.format(sequence=sequence), *FROM_ONE)


def one_number_twice(ledger: Ledger, events: list[Event]) -> None:
    """Event 10 gets the number 9, with an index that is not unique for the moment."""
    with ledger.tampering() as superuser:
        superuser.execute(TWICE.format("false"))
        superuser.execute("UPDATE events SET sequence = 9 WHERE sequence = 10")
        superuser.execute(TWICE.format("true"))


def hidden_from(index: str, insert: str) -> Tampering:
    """A row that an index does not know of, with the catalogue as it was before."""
    flags = (
        "UPDATE pg_index SET indisready = {0}, indisvalid = {0} WHERE indexrelid = '{1}'::regclass"
    )

    def tamper(ledger: Ledger, events: list[Event]) -> None:
        with ledger.tampering() as superuser:
            superuser.execute(flags.format("false", index))
        ledger.tamper(insert)
        with ledger.tampering() as superuser:
            superuser.execute(flags.format("true", index))

    return tamper


CASES = [
    Case(
        "an event numbered below 1",
        "A superuser drops a constraint, inserts an event with a number below 1, and puts the"
        " constraint back as validated.",
        statement(*numbered("-5")),
        at(-5, "gap"),
        ("stray -5/0191d7a0-0000-7000-8000-00000000000f",),
        banner=(WATCHED,),
    ),
    Case(
        "an event numbered 0",
        "A superuser does the same with the number right before the first.",
        statement(*numbered("0")),
        at(0, "gap"),
        ("stray 0/0191d7a0-0000-7000-8000-00000000000f",),
        banner=(WATCHED,),
    ),
    Case(
        "an event without a number",
        "A superuser lets the number be null, inserts an event without one, and puts the"
        " column back.",
        statement(
            "ALTER TABLE events ALTER COLUMN sequence DROP NOT NULL",
            COPY.format(sequence="NULL"),
            "UPDATE pg_attribute SET attnotnull = true"
            " WHERE attrelid = 'events'::regclass AND attname = 'sequence'",
        ),
        at(0, "gap"),
        ("stray none/0191d7a0-0000-7000-8000-00000000000f", "head"),
        recorded=False,
        banner=(END, WATCHED),
    ),
    Case(
        "one number twice, so that the count is right",
        "A superuser gives an event the number of the one before, with an index that is not"
        " unique for that moment: as many rows as numbers.",
        one_number_twice,
        (*at(9, "gap", *WHOLE, "head", "head"), (10, "gap")),
        (*chain("9-9", *WHOLE, "head"), "gap 10-10", "stray 9"),
        banner=(MISSING, WATCHED),
    ),
    Case(
        "an event beside another of its number",
        "A superuser inserts an event while the index of numbers takes no entries: looked up by its"
        " id it is there, by its number the honest one is.",
        hidden_from("events_sequence_key", COPY.format(sequence="7")),
        at(7, "gap"),
        ("stray hidden/7/0191d7a0-0000-7000-8000-00000000000f",),
        banner=(WATCHED,),
        event=(7, ()),
    ),
    Case(
        "an append beside another of its number",
        "A superuser inserts a record of an append while its index takes no entries.",
        hidden_from(
            "appends_pkey",
            "INSERT INTO appends SELECT last_sequence, first_sequence, repeat('a', 64),"
            " authority_timestamp, event_count FROM appends WHERE last_sequence = 7",
        ),
        at(7, "head"),
        ("stray append/hidden/7",),
        banner=(WATCHED,),
        event=(7, ()),
    ),
]
