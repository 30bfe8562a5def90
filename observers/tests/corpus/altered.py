"""Cases: events changed in place, with nothing but SQL as a superuser."""

from __future__ import annotations

from dataclasses import replace

from events.format import event
from events.format.event import Event
from events.tests.support.ledger import Ledger
from observers.tests.corpus.case import SIGNED, WATCHED, WHOLE, Case, at, chain, statement
from observers.tests.support import forgery


def edit_payload_and_its_hash(ledger: Ledger, events: list[Event]) -> None:
    with ledger.tampering() as superuser:
        edited = replace(events[4], payload='{"number":400}')
        digest = event.payload_hash(bytes.fromhex(edited.payload_salt), edited.canonical_payload)
        forgery.overwrite(superuser, replace(edited, payload_hash=digest))


def edit_and_fix_own_hashes(ledger: Ledger, events: list[Event]) -> None:
    with ledger.tampering() as superuser:
        edited = replace(events[4], payload='{"number":400}')
        forgery.overwrite(superuser, forgery.rehash(edited, edited.prev_hash))


def rechain_without_keys(ledger: Ledger, events: list[Event]) -> None:
    with ledger.tampering() as superuser:
        forgery.rechain(superuser, events, replace(events[9], payload='{"number":400}'))


def changed(name: str, column: str, value: str, *checks: str, who: str = "") -> Case:
    """A column of event 5 set by an UPDATE; `checks` fail."""
    return Case(
        name,
        who or f"A superuser with the triggers off sets {column} of one event.",
        statement(f"UPDATE events SET {column} = {value} WHERE sequence = 5"),
        at(5, *checks),
        chain("5-5", *checks),
        banner=(WATCHED,),
        event=(5, checks),
    )


CASES = [
    changed("payload edited", "payload", """'{"number": 400}'""", "payload_hash"),
    changed("payload no double can hold", "payload", "'1e400'", "payload_hash"),
    changed("salt edited", "payload_salt", "repeat('a', 64)", "payload_hash"),
    changed("writer's time backdated", "local_timestamp", "'1999-01-01Z'", *WHOLE, "records"),
    changed(
        "authority time backdated",
        "authority_timestamp",
        "'2020-01-01Z'",
        *WHOLE,
        "head",
        "records",
    ),
    changed("type edited", "event_type", "'test.never'", *WHOLE),
    changed(
        "given to another agent", "agent_id", "'agent-8'", "content_hash", "signing_key", *SIGNED
    ),
    changed("id edited", "event_id", "'0191d7a0-0000-7000-8000-00000000000f'", *WHOLE),
    changed(
        "signature replaced",
        "signature",
        "(SELECT signature FROM events WHERE sequence = 4)",
        *SIGNED,
    ),
    changed(
        "attestation replaced",
        "witness_signature",
        "(SELECT witness_signature FROM events WHERE sequence = 4)",
        "witness_signature",
    ),
    Case(
        "payload and its hash edited",
        "A superuser edits a payload and makes its salted hash right.",
        edit_payload_and_its_hash,
        at(5, *WHOLE),
        chain("5-5", *WHOLE),
        banner=(WATCHED,),
        event=(5, WHOLE),
    ),
    Case(
        "edited, its own hashes made right",
        "A superuser edits an event and recomputes both of its hashes.",
        edit_and_fix_own_hashes,
        (*at(5, *SIGNED, "head"), (6, "prev_hash")),
        (*chain("5-5", *SIGNED, "head"), *chain("6-6", "prev_hash")),
        banner=(WATCHED,),
        event=(5, (*SIGNED, "head")),
    ),
    Case(
        "re-chained to the end without the keys",
        "A superuser edits an event and recomputes every hash after it and in the appends.",
        rechain_without_keys,
        tuple((n, check) for n in (10, 11, 12) for check in SIGNED),
        chain("10-12", *SIGNED),
        banner=(WATCHED,),
        event=(11, SIGNED),
    ),
    *(
        Case(
            f"{name} moved before the first year",
            f"A superuser drops a constraint, moves {what} of one event to the same date before"
            " Christ, which prints alike but for its era, and puts the constraint back as"
            " validated.",
            statement(
                f"ALTER TABLE events DROP CONSTRAINT events_{column}_check",
                f"UPDATE events SET {column} = (to_char({column} AT TIME ZONE 'UTC',"
                " 'YYYY-MM-DD HH24:MI:SS.US') || '+00 BC')::timestamptz WHERE sequence = 5",
                f"ALTER TABLE events ADD CONSTRAINT events_{column}_check CHECK ({column}"
                f" >= '0001-01-01T00:00:00Z' AND {column} < '10000-01-01T00:00:00Z') NOT VALID",
                "UPDATE pg_constraint SET convalidated = true"
                f" WHERE conname = 'events_{column}_check'",
            ),
            at(5, "format", *WHOLE, *more),
            chain("5-5", "format", *WHOLE, *more),
            banner=(WATCHED,),
            event=(5, ("format", *WHOLE, *more)),
        )
        for name, what, column, more in (
            ("writer's time", "the writer's time", "local_timestamp", ()),
            ("authority time", "the authority's time", "authority_timestamp", ("head",)),
        )
    ),
    Case(
        "time out of every calendar",
        "A superuser drops a constraint, writes infinity for a time, and adds the constraint again"
        " without a look at what is there.",
        statement(
            "ALTER TABLE events DROP CONSTRAINT events_local_timestamp_check",
            "UPDATE events SET local_timestamp = 'infinity' WHERE sequence = 5",
            "ALTER TABLE events ADD CONSTRAINT events_local_timestamp_check CHECK (local_timestamp"
            " >= '0001-01-01T00:00:00Z' AND local_timestamp < '10000-01-01T00:00:00Z') NOT VALID",
        ),
        at(5, "format", *WHOLE),
        (
            *chain("5-5", "format", *WHOLE),
            "guards constraint events.events_local_timestamp_check",
            "guards state of constraint events.events_local_timestamp_check",
        ),
        banner=(WATCHED, "A guard of the database is not in place"),
        event=(5, ("format", *WHOLE)),
    ),
]
