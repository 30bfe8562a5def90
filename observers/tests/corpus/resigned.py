"""Cases: events signed again, with keys that are not valid at their sequence. The last event is the
one signed, so nothing after it changes."""

from __future__ import annotations

from dataclasses import replace

from events.append.services import key_backend, signing_service
from events.format import ed25519, event
from events.format.event import Event
from events.registrar import registrar
from events.tests.support.ledger import Ledger
from observers.tests.corpus.case import WATCHED, Case, at, chain
from observers.tests.support import forgery


def put(ledger: Ledger, forged: Event) -> None:
    with ledger.tampering() as superuser:
        forgery.overwrite(superuser, forged)
        forgery.record(superuser, forged)


def by_another_agent(ledger: Ledger, events: list[Event]) -> None:
    key = signing_service().active_key("agent-8")
    put(ledger, forgery.resign(replace(events[-1], signing_key_id=key)))


def by_a_retired_key(ledger: Ledger, events: list[Event]) -> None:
    old = signing_service().active_key("agent-7")
    registrar().rotate_key("agent-7")
    put(ledger, forgery.resign(replace(ledger.write()[0], signing_key_id=old)))


def by_a_retired_witness(ledger: Ledger, events: list[Event]) -> None:
    registrar().create_witness("beta")
    registrar().retire_witness("WITNESS:alpha")
    put(ledger, forgery.resign(replace(ledger.write()[0], witness_id="WITNESS:alpha")))


def by_an_unregistered_key(ledger: Ledger, events: list[Event]) -> None:
    key_backend().create("of-my-own")
    put(ledger, forgery.resign(replace(events[-1], signing_key_id="of-my-own")))


def without_the_witness(ledger: Ledger, events: list[Event]) -> None:
    """The agent's own key signs another payload; the witness's key is out of reach."""
    forged = forgery.rehash(replace(events[-1], payload='{"number":400}'), events[-1].prev_hash)
    message = event.agent_message(forged.signable_content())
    signature = key_backend().sign(forged.signing_key_id, message)
    put(ledger, replace(forged, signature=ed25519.encode(signature)))


def with_an_unseen_name(ledger: Ledger, events: list[Event]) -> None:
    """Nothing but the form of the type is wrong."""
    forged = forgery.resign(replace(events[-1], event_type="test.\N{RIGHT-TO-LEFT OVERRIDE}dias"))
    with ledger.tampering() as superuser:
        superuser.execute("ALTER TABLE events DROP CONSTRAINT events_event_type_check")
        forgery.overwrite(superuser, forged)
        forgery.record(superuser, forged)
        superuser.execute(
            "ALTER TABLE events ADD CONSTRAINT events_event_type_check"
            " CHECK (is_text(event_type, 200)) NOT VALID"
        )
        superuser.execute(
            "UPDATE pg_constraint SET convalidated = true WHERE conname = 'events_event_type_check'"
        )


CASES = [
    Case(
        "signed by another agent's key",
        "Somebody with the key of another agent, and the witness's, signs an event again.",
        by_another_agent,
        at(12, "signing_key"),
        chain("12-12", "signing_key"),
        banner=(WATCHED,),
        event=(12, ("signing_key",)),
    ),
    Case(
        "signed by a retired key",
        "Somebody with a key that was retired before, and the witness's, signs an event.",
        by_a_retired_key,
        at(14, "signing_key"),
        chain("14-14", "signing_key"),
        banner=(WATCHED,),
        event=(14, ("signing_key",)),
    ),
    Case(
        "attested by a retired witness",
        "Somebody with the key of a witness that was retired before attests an event.",
        by_a_retired_witness,
        at(15, "witness"),
        chain("15-15", "witness"),
        banner=(WATCHED,),
        event=(15, ("witness",)),
    ),
    Case(
        "signed by a key of one's own",
        "A superuser signs an event with a key that nobody registered.",
        by_an_unregistered_key,
        at(12, "signing_key", "signature"),
        chain("12-12", "signing_key", "signature"),
        banner=(WATCHED,),
        event=(12, ("signing_key", "signature")),
    ),
    Case(
        "signed with a type that cannot be seen",
        "A superuser with every key drops a constraint, signs an event again with a type that turns"
        " the writing direction, and puts the constraint back as validated.",
        with_an_unseen_name,
        at(12, "format"),
        chain("12-12", "format"),
        banner=(WATCHED,),
        event=(12, ("format",)),
    ),
    Case(
        "rewritten by its own agent",
        "An agent that is also a superuser signs another payload in the place of its last event;"
        " the witness's key is out of its reach.",
        without_the_witness,
        at(12, "witness_signature"),
        chain("12-12", "witness_signature"),
        banner=(WATCHED,),
        event=(12, ("witness_signature",)),
    ),
]
