"""Cases: decisions of people, forged or undone by force, without three people agreeing."""

from __future__ import annotations

import hashlib
import json

from events import ceremonies
from events.append.services import writer
from events.format.event import Event
from events.halting import halt
from events.tests.support.ceremonies import NAMES, Person, forge, halt_details, person, register
from events.tests.support.ledger import Ledger
from observers.tests.corpus.case import (
    GUARD,
    HALTED,
    VERIFY,
    WATCHED,
    Case,
    at,
    chain,
    statement,
)

ALIVE = "no event is wrong; what is in force is what `check_guards` compares"
MALLORY = Person("Mallory", b"m" * 32)


def decide(kind: str, details: dict[str, object], reason: str = "a test") -> Event:
    """A whole ceremony of the three who are registered."""
    ada, bela, cleo = register()
    proposal = ada.propose(kind, details, reason)
    for other in (bela, cleo):
        other.say(proposal)
    return ceremonies.record(writer(), proposal.ceremony_id)


def threshold_decided(ledger: Ledger) -> list[Event]:
    """Three people, who decide on a threshold."""
    decide("drift_threshold", {"seconds": "7.5"})
    return ledger.write(5)


def halted(ledger: Ledger) -> list[Event]:
    events = ledger.write(5)
    halt(writer(), reason="a test", by="an operator")
    return events


def erased(ledger: Ledger) -> list[Event]:
    """Event 4 was erased by a ceremony, event 9."""
    events = ledger.write(2)
    first = events[0]
    decide(
        "erase_payload",
        {"sequence": 4, "event_id": first.event_id, "payload_hash": first.payload_hash},
    )
    return events


def force_a_person(ledger: Ledger, events: list[Event]) -> None:
    ledger.tamper(
        "INSERT INTO person_keys (public_key, person, event_id, active_from, from_sequence)"
        f" VALUES ('{MALLORY.public_key}', 'Mallory', gen_random_uuid(), now(), 13)"
    )


def forge_a_ceremony(ledger: Ledger, events: list[Event]) -> None:
    """The system's own key signs a decision that nobody made; the guard of it is off meanwhile."""
    payload = {
        "ceremony_id": "0191d7a0-0000-7000-8000-00000000000f",
        "proposal": {
            "ceremony_id": "0191d7a0-0000-7000-8000-00000000000f",
            "kind": "ceremony.sequence_skip",
            "reason": "nothing to see here",
            "details": {"first": 5, "last": 7},
        },
        "proposed_by": {"person": "Ada", "public_key": MALLORY.public_key, "signature": "AA=="},
        "approvals": [],
        "rejections": [],
        "first": 5,
        "last": 7,
    }
    forge(ledger, payload)
    ledger.tamper("DELETE FROM events WHERE sequence BETWEEN 5 AND 7")


def vote_by_force(ledger: Ledger, events: list[Event]) -> None:
    """One voice of a recorded ceremony gets another signature."""
    ((payload,),) = ledger.query("SELECT payload FROM events WHERE sequence = 7")
    payload["approvals"][0]["signature"] = payload["approvals"][1]["signature"]
    forged = json.dumps(payload).replace("'", "''")
    ledger.tamper(f"UPDATE events SET payload = '{forged}' WHERE sequence = 7")


FORGERS = [Person(name, name.encode().ljust(32, b"x")) for name in ("Mallory", "Nick", "Oscar")]


def people_then_halted(ledger: Ledger) -> list[Event]:
    """Three people who are registered, and a halt."""
    events = ledger.write(5)
    register()
    halt(writer(), reason="a test", by="an operator")
    return events


def force_a_record(ledger: Ledger, events: list[Event]) -> None:
    ledger.tamper(RECORD)
    decide_again("clear_halt", halt_details())


def force_three_people(ledger: Ledger, events: list[Event]) -> None:
    """Records that wait for three people of his own, who then clear the halt that would write
    them."""
    for each in FORGERS:
        ledger.tamper(
            "INSERT INTO unwritten_records (event_id, event_type, payload) VALUES"
            f" (md5('{each.name}')::uuid, 'system.person_registered',"
            f" '{json.dumps(each.details)}')",
            "INSERT INTO person_keys (public_key, person, event_id, active_from, from_sequence)"
            f" VALUES ('{each.public_key}', '{each.name}', md5('{each.name}')::uuid, now(), 1)",
        )
    decide_again("clear_halt", halt_details(), FORGERS)


def record_id(each: Person) -> str:
    return hashlib.md5(each.name.encode()).hexdigest()  # noqa: S324 - as in SQL


def decide_again(
    kind: str, details: dict[str, object], people: list[Person] | None = None
) -> Event:
    """A ceremony of people who are registered already."""
    proposer, *others = people or [person(name) for name in NAMES]
    proposal = proposer.propose(kind, details)
    for other in others:
        other.say(proposal)
    return ceremonies.record(writer(), proposal.ceremony_id)


RECORD_ID = "0191d7a0000070008000000000000000"
RECORD = (
    "INSERT INTO unwritten_records (event_id, event_type, payload, recorded_at) VALUES"
    f' (\'{RECORD_ID}\', \'system.halted\', \'{{"by": "Ada", "reason": "I confess"}}\','
    " '2020-01-01')"
)
MARKER = (
    "UPDATE events SET payload = (SELECT payload FROM events WHERE sequence = 4),"
    " payload_salt = repeat('0', 64) WHERE sequence = 5"
)

CASES = [
    Case(
        "a person forced into the registry",
        "A superuser inserts somebody into the people who hold ceremonies.",
        force_a_person,
        at(12, "key_history"),
        (
            *chain("12-12", "key_history"),
            f"guards person Mallory {MALLORY.public_key}",
            f"stray key/{MALLORY.public_key}",
        ),
        banner=(WATCHED, GUARD),
    ),
    Case(
        "a record forced among those that wait",
        "A superuser inserts a halt that never was among the records that a ceremony writes when it"
        " clears a halt; then people clear one.",
        force_a_record,
        (),
        (f"guards record system.halted {RECORD_ID}",),
        banner=(GUARD,),
        healthy=people_then_halted,
        because={VERIFY: "nothing signed it, so it is no event; the record waits for ever"},
    ),
    Case(
        "three people forced while it is halted",
        "A superuser inserts three people of their own, and records that wait to say so; these"
        " three clear the halt.",
        force_three_people,
        at(1, *["key_history"] * 3),
        (
            *chain("1-1", "key_history"),
            *(f"guards person {each.name} {each.public_key}" for each in FORGERS),
            *(f"guards record system.person_registered {record_id(each)}" for each in FORGERS),
            *sorted(f"stray key/{each.public_key}" for each in FORGERS),
        ),
        banner=(WATCHED, GUARD),
        healthy=people_then_halted,
    ),
    Case(
        "a ceremony forged to explain a gap",
        "Somebody with the system's and the witness's keys records a decision that nobody made,"
        " and deletes what it says is lost.",
        forge_a_ceremony,
        ((5, "gap"), *at(13, "ceremony", "ceremony")),
        ("gap 5-7", *chain("13-13", "ceremony")),
        banner=("Events are missing", WATCHED),
        event=(13, ("ceremony",)),
    ),
    Case(
        "a vote changed in a record",
        "A superuser changes a signature inside the record of a ceremony.",
        vote_by_force,
        at(7, "payload_hash", "ceremony"),
        chain("7-7", "payload_hash", "ceremony"),
        banner=(WATCHED,),
        event=(7, ("payload_hash", "ceremony")),
        healthy=threshold_decided,
    ),
    Case(
        "an erasure forged",
        "A superuser puts the mark of an erasure that was decided on another event.",
        statement(MARKER),
        at(5, "payload_hash"),
        chain("5-5", "payload_hash"),
        banner=(WATCHED,),
        event=(5, ("payload_hash",)),
        healthy=erased,
    ),
    Case(
        "a halt lifted by force",
        "A superuser clears the halt in its table.",
        statement(
            "UPDATE halt_state SET halted = false, reason = NULL, halted_at = NULL,"
            " halted_by = NULL"
        ),
        (),
        ("guards halt event 9",),
        banner=(GUARD,),
        healthy=halted,
        because={VERIFY: ALIVE},
    ),
    Case(
        "the threshold changed by force",
        "A superuser changes the drift threshold that people decided.",
        statement("UPDATE ledger_config SET drift_threshold_seconds = 3600"),
        (),
        ("guards threshold drift",),
        banner=(GUARD,),
        healthy=threshold_decided,
        because={VERIFY: ALIVE},
    ),
    Case(
        "the halt state deleted",
        "A superuser deletes the row that says whether the ledger is halted.",
        statement("DELETE FROM halt_state"),
        (),
        ("guards halt state",),
        recorded=False,
        because={VERIFY: "no event is wrong; nothing is appended without that row"},
        banner=(HALTED, GUARD),
    ),
    Case(
        "the threshold deleted",
        "A superuser deletes the row that names the ledger and says which clocks drift.",
        statement("DELETE FROM ledger_config"),
        at(1, "key_history"),
        (*chain("1-1", "key_history"), "guards threshold drift", "stray key/ledger"),
        recorded=False,
        banner=(WATCHED, GUARD),
    ),
    *(
        Case(
            name,
            f"A superuser {what} in the table of ceremonies, of one that is recorded.",
            statement(f"{change} AND kind = 'ceremony.drift_threshold'"),
            at(7, "records"),
            chain("7-7", "records"),
            banner=(WATCHED,),
            event=(7, ("records",)),
            healthy=threshold_decided,
        )
        for name, what, change in (
            (
                "a recorded proposal changed",
                "changes what was proposed",
                "UPDATE ceremonies SET content = jsonb_set(content, '{proposal}', to_jsonb(replace("
                "content ->> 'proposal', '7.5', '9999'))) WHERE step = 'proposed'",
            ),
            (
                "a recorded voter changed",
                "changes who approved",
                "UPDATE ceremonies SET person = 'Zorro' WHERE step = 'approved'"
                " AND person = 'Bela'",
            ),
            (
                "a vote moved in time",
                "changes when somebody approved",
                "UPDATE ceremonies SET recorded_at = '2020-01-01Z' WHERE person = 'Cleo'",
            ),
            (
                "a vote made up afterwards",
                "adds a vote against it",
                "INSERT INTO ceremonies (ceremony_id, kind, step, person, content) SELECT"
                " ceremony_id, kind, 'rejected', 'Zorro', content FROM ceremonies"
                " WHERE step = 'approved' AND person = 'Bela'",
            ),
            ("recorded votes deleted", "deletes the votes", "DELETE FROM ceremonies WHERE true"),
        )
    ),
    Case(
        "a standing halt given another reason",
        "A superuser changes the reason and the author of a halt in its table.",
        statement("UPDATE halt_state SET reason = 'maintenance', halted_by = 'Zorro'"),
        at(9, "records"),
        chain("9-9", "records"),
        recorded=False,
        banner=(HALTED, WATCHED),
        event=(9, ("records",)),
        healthy=halted,
    ),
    Case(
        "a halt declared by force",
        "A superuser halts the ledger in the table, and nothing says who did.",
        statement(
            "UPDATE halt_state SET halted = true, reason = 'maintenance', halted_by = 'Zorro',"
            " halted_at = now()"
        ),
        at(0, "records"),
        ("stray halt",),
        recorded=False,
        banner=(HALTED, WATCHED),
    ),
]
