"""Registers the first three people, by the operator who sets the ledger up (CT-13). Later ones come
and go by ceremony."""

from __future__ import annotations

from django.db import transaction

from events.append.writer import AtomicEventWriter
from events.errors import CeremonyRefusedError, SystemHaltedError
from events.format import names
from events.format.canonical import canonicalize
from events.format.ceremony import check_possession
from events.format.ceremony_record import REGISTERED
from events.format.event import new_event_id
from events.store import registry
from events.store.connection import named_errors
from events.submission import Submission


def register_first(writer: AtomicEventWriter, person: str, public_key: str, proof: str = "") -> int:
    """Register a person together with the event that records it; returns the first sequence the key
    counts for.

    `writer` writes as the owner. While the ledger is halted the event waits. `proof` is the key's
    signature of `ceremony.possession`: a key that nobody can sign with would leave the ledger
    without people who can end a halt.

    Raises:
        CeremonyRefusedError: name or key is taken or malformed, the proof is invalid, or three are
            registered already.
    """
    if wrong := names.wrong_name(person):
        raise CeremonyRefusedError(f"CT-13: the name of a person {wrong}", "person")
    check_possession(person, public_key, proof)
    try:
        return _register(writer, person, public_key, proof)
    except SystemHaltedError:
        with named_errors(), transaction.atomic(using=writer.using):
            return registry.register_first_person(
                writer.using, person, public_key, proof=proof, event_id=None
            )


def _register(writer: AtomicEventWriter, person: str, public_key: str, proof: str) -> int:
    payload = canonicalize({"person": person, "proof": proof, "public_key": public_key})
    event_id = new_event_id()
    with named_errors(), transaction.atomic(using=writer.using, durable=True):
        writer.append_in_transaction(
            [Submission(REGISTERED, payload, agent_id=None, event_id=event_id)]
        )
        return registry.register_first_person(
            writer.using, person, public_key, proof=proof, event_id=event_id
        )
