"""Cases: the registry of keys edited. No event is changed."""

from __future__ import annotations

import secrets

from events import ceremonies
from events.append.services import signing_service, writer
from events.format import ed25519, key_events
from events.format.canonical import canonicalize
from events.format.event import Event
from events.registrar import registrar
from events.submission import Submission
from events.tests.support.ceremonies import register
from events.tests.support.ledger import Ledger
from observers.tests.corpus.case import GUARD, WATCHED, Case, at, chain, statement

PUBLIC = ed25519.encode(ed25519.public_key(bytes(32)))


def swap_the_public_key(ledger: Ledger, events: list[Event]) -> None:
    key = ed25519.encode(ed25519.public_key(secrets.token_bytes(32)))
    ledger.tamper(f"UPDATE agent_keys SET public_key = '{key}' WHERE agent_id = 'agent-7'")


def replaced(ledger: Ledger) -> list[Event]:
    """Twelve events, and a key of agent-8 that its operator replaces."""
    events = ledger.write(9)
    registrar().rotate_key("agent-8")
    return events


def registry(name: str, place: int, *others: str) -> tuple[str, ...]:
    """The watch's texts for a key that is not what the chain says, and others."""
    here = chain(f"{place}-{place}", "key_history")
    return tuple(sorted((*here, *others, f"guards key {name}", f"stray key/{name}")))


def register_unproved(ledger: Ledger, events: list[Event]) -> None:
    said = key_events.registration("agent", "mallory-1", PUBLIC, owner="mallory")
    payload = canonicalize({**said, "proof": ed25519.encode(bytes(64))})
    guard = "TRIGGER carry_out_system_event_at_commit"
    with ledger.connect("postgres") as superuser:
        superuser.execute(f"ALTER TABLE events DISABLE {guard}")
        writer().write_event(Submission(key_events.REGISTERED, payload, agent_id=None))
        superuser.execute(f"ALTER TABLE events ENABLE ALWAYS {guard}")
    ledger.tamper(
        "INSERT INTO agent_keys (key_id, agent_id, public_key, active_from, from_sequence)"
        f" SELECT 'mallory-1', 'mallory', '{PUBLIC}', authority_timestamp, 14"
        " FROM events WHERE sequence = 13"
    )


def retired_by_ceremony(ledger: Ledger) -> list[Event]:
    """Three people, nine events, and a key of agent-8 that they retire."""

    ada, bela, cleo = register()
    events = ledger.write(9)
    old = signing_service().active_key("agent-8")
    proposal = ada.propose("retire_key", {"old_key": old})
    for other in (bela, cleo):
        other.say(proposal)
    ceremonies.record(writer(), proposal.ceremony_id)
    return events


CASES = [
    Case(
        "public key swapped",
        "A superuser puts a public key of their own in the place of an agent's.",
        swap_the_public_key,
        ((2, "key_history"), *((n, "signature") for n in range(4, 13))),
        registry("agent-7", 2, *chain("4-12", "signature")),
        banner=(WATCHED, GUARD),
        event=(5, ("signature", "key_history")),
    ),
    Case(
        "key cut short",
        "A superuser ends the validity of an agent's key in the past, to disown what it signed.",
        statement(
            "UPDATE agent_keys SET active_until = now(), until_sequence = 10"
            " WHERE agent_id = 'agent-7'"
        ),
        ((2, "key_history"), (11, "signing_key"), (12, "signing_key")),
        registry("agent-7", 2, *chain("11-12", "signing_key")),
        recorded=True,
        banner=(WATCHED, GUARD),
        event=(11, ("signing_key",)),
    ),
    Case(
        "key removed",
        "A superuser deletes the public key of an agent.",
        statement("DELETE FROM agent_keys WHERE agent_id = 'agent-7'"),
        (
            (2, "key_history"),
            *((n, check) for n in range(4, 13) for check in ("signing_key", "signature")),
        ),
        registry("agent-7", 2, *chain("4-12", "signature", "signing_key")),
        banner=(WATCHED, GUARD),
        event=(5, ("signing_key", "signature")),
    ),
    Case(
        "witness removed",
        "A superuser deletes the only witness.",
        statement("DELETE FROM witnesses"),
        (
            (1, "witness"),
            (1, "witness_signature"),
            (1, "key_history"),
            *((n, check) for n in range(2, 13) for check in ("witness", "witness_signature")),
        ),
        registry("WITNESS:alpha", 1, *chain("1-12", "witness", "witness_signature")),
        recorded=False,
        banner=(WATCHED, GUARD),
        event=(5, ("witness", "witness_signature")),
    ),
    Case(
        "validity widened",
        "A superuser opens a key again that a ceremony retired, to sign with it.",
        statement(
            "UPDATE agent_keys SET active_until = NULL, until_sequence = NULL"
            " WHERE agent_id = 'agent-8'"
        ),
        at(3, "key_history"),
        registry("agent-8", 3),
        banner=(WATCHED, GUARD),
        healthy=retired_by_ceremony,
    ),
    Case(
        "validity widened before there are people",
        "A superuser widens the validity of a key that its operator replaced alone.",
        statement(
            "UPDATE agent_keys SET active_until = now(), until_sequence = 1000"
            " WHERE agent_id = 'agent-8' AND until_sequence IS NOT NULL"
        ),
        at(3, "key_history"),
        registry("agent-8", 3),
        banner=(WATCHED, GUARD),
        healthy=replaced,
    ),
    Case(
        "a first key added by force",
        "A superuser gives a new agent a key, without an event that registers it.",
        statement(
            "INSERT INTO agent_keys (key_id, agent_id, public_key, from_sequence)"
            f" VALUES ('mallory-1', 'mallory', '{PUBLIC}', 13)"
        ),
        at(12, "key_history"),
        registry("mallory-1", 12),
        banner=(WATCHED, GUARD),
    ),
    Case(
        "a key valid from 1 added beside another",
        "A superuser gives an agent a second key for the past, to sign other events with it.",
        statement(
            "INSERT INTO agent_keys (key_id, agent_id, public_key, active_until, from_sequence,"
            f" until_sequence) VALUES ('agent-7-1', 'agent-7', '{PUBLIC}', now(), 1, 12)"
        ),
        at(1, "key_history"),
        registry("agent-7-1", 1),
        banner=(WATCHED, GUARD),
    ),
    Case(
        "a key registered without its holder",
        "Somebody with the system's and the witness's keys writes a registration whose proof"
        " the new key did not make, and a superuser registers the key.",
        register_unproved,
        at(13, "key_history", "key_history"),
        (*chain("13-13", "key_history"), "stray key/event 13", "stray key/mallory-1"),
        banner=(WATCHED,),
    ),
]
