"""Cases: the registry of keys edited. No event is changed."""

from __future__ import annotations

import secrets

from events import ceremonies
from events.append.services import signing_service, writer
from events.format import ed25519
from events.format.event import Event
from events.tests.support.ceremonies import register
from events.tests.support.ledger import Ledger
from observers.tests.corpus.case import GUARD, VERIFY, WATCHED, Case, chain, statement


def swap_the_public_key(ledger: Ledger, events: list[Event]) -> None:
    key = ed25519.encode(ed25519.public_key(secrets.token_bytes(32)))
    ledger.tamper(f"UPDATE agent_keys SET public_key = '{key}' WHERE agent_id = 'agent-7'")


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
        tuple((n, "signature") for n in range(4, 13)),
        chain("4-12", "signature"),
        banner=(WATCHED,),
        event=(5, ("signature",)),
    ),
    Case(
        "key cut short",
        "A superuser ends the validity of an agent's key in the past, to disown what it signed.",
        statement(
            "UPDATE agent_keys SET active_until = now(), until_sequence = 10"
            " WHERE agent_id = 'agent-7'"
        ),
        ((11, "signing_key"), (12, "signing_key")),
        chain("11-12", "signing_key"),
        recorded=True,
        banner=(WATCHED,),
        event=(11, ("signing_key",)),
    ),
    Case(
        "key removed",
        "A superuser deletes the public key of an agent.",
        statement("DELETE FROM agent_keys WHERE agent_id = 'agent-7'"),
        tuple((n, check) for n in range(4, 13) for check in ("signing_key", "signature")),
        chain("4-12", "signing_key", "signature"),
        banner=(WATCHED,),
        event=(5, ("signing_key", "signature")),
    ),
    Case(
        "witness removed",
        "A superuser deletes the only witness.",
        statement("DELETE FROM witnesses"),
        tuple((n, check) for n in range(1, 13) for check in ("witness", "witness_signature")),
        chain("1-12", "witness", "witness_signature"),
        recorded=False,
        banner=(WATCHED,),
        event=(5, ("witness", "witness_signature")),
    ),
    Case(
        "validity widened",
        "A superuser opens a key again that a ceremony retired, to sign with it.",
        statement(
            "UPDATE agent_keys SET active_until = NULL, until_sequence = NULL"
            " WHERE agent_id = 'agent-8'"
        ),
        (),
        ("guards key agent-8",),
        banner=(GUARD,),
        healthy=retired_by_ceremony,
        because={VERIFY: "no event is wrong; the registry is what `check_guards` compares"},
    ),
]
