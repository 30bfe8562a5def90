"""Cases: an agent that holds its own key, against whoever has every key of the server and of the
witness. The last event is the agent's, so nothing after it changes."""

from __future__ import annotations

from dataclasses import replace

from events.append.services import key_backend, signing_service, writer
from events.format import ed25519, event
from events.format.event import Event
from events.store import registry
from events.submission import validate
from events.tests.support.ledger import OPENING, Ledger
from events.tests.support.writer import Writer
from observers.tests.corpus.case import EVENTS, WATCHED, Case, at, chain
from observers.tests.corpus.resigned import put
from observers.tests.support import forgery

OWN = Writer(seed=bytes(range(32)))


def twelve_the_last_of_a_writer(ledger: Ledger) -> list[Event]:
    """An ordinary ledger of twelve events. The agent that signs the last one holds its own key."""
    OWN.register()
    ledger.write(EVENTS - OPENING - 2)
    signed = OWN.signed({"event_type": "payment.released", "payload": {"number": 4}})
    writer().write_event(validate(signed, agent_id=OWN.agent_id))
    return list(ledger.store.get_events_by_sequence_range(1, EVENTS))


def forged(original: Event, version: int) -> Event:
    """The event with another payload, signed with a key of the server's and attested."""
    changed = replace(original, payload='{"number":400}', sig_alg_version=version)
    changed = forgery.rehash(changed, original.prev_hash)
    signable, backend = changed.signable_content(), key_backend()
    message = event.signed_message(signable, version, registry.ledger_id("default"))
    signature = backend.sign(signing_service().active_key("agent-7"), message)
    attestation = backend.sign(changed.witness_id, event.witness_message(signature, signable))
    return replace(
        changed,
        signature=ed25519.encode(signature),
        witness_signature=ed25519.encode(attestation),
    )


def as_the_writer_signs(ledger: Ledger, events: list[Event]) -> None:
    put(ledger, forged(events[-1], event.WRITER_SIGNED))


def as_the_portal_signs(ledger: Ledger, events: list[Event]) -> None:
    put(ledger, forged(events[-1], event.SIG_ALG_VERSION))


CASES = [
    Case(
        "signed in the writer's place",
        "A superuser with every key of the server gives an event of an agent that holds its own key"
        " another payload, and signs it as the agent would.",
        as_the_writer_signs,
        at(12, "signature"),
        chain("12-12", "signature"),
        banner=(WATCHED,),
        event=(12, ("signature",)),
        healthy=twelve_the_last_of_a_writer,
    ),
    Case(
        "signed by the portal for a writer",
        "The same, signed as the portal signs for the agents whose keys it holds.",
        as_the_portal_signs,
        at(12, "signing_key", "signature"),
        chain("12-12", "signing_key", "signature"),
        banner=(WATCHED,),
        event=(12, ("signing_key", "signature")),
        healthy=twelve_the_last_of_a_writer,
    ),
]
