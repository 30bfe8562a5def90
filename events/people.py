"""Registers the first people, as the operator who sets the ledger up (CT-13).

It must never register a fourth: those come and go by ceremony.
"""

from __future__ import annotations

from django.db import transaction

from events.canonical import canonicalize
from events.ceremony import check_public_key
from events.errors import SystemHaltedError
from events.event_ids import new_event_id
from events.store import people
from events.store.connection import named_errors
from events.submission import Submission
from events.writer import AtomicEventWriter

REGISTERED = "system.person_registered"


def register_first(writer: AtomicEventWriter, person: str, public_key: str) -> int:
    """Register a person together with the event that says so; the first sequence the key counts
    for. `writer` writes as the owner. While the ledger is halted the event waits.

    Raises:
        CeremonyRefusedError: name or key is taken or malformed, or three are registered already.
    """
    check_public_key(public_key)
    try:
        return _register(writer, person, public_key)
    except SystemHaltedError:
        with named_errors(), transaction.atomic(using=writer.using):
            return people.register_first_person(writer.using, person, public_key, event_id=None)


def _register(writer: AtomicEventWriter, person: str, public_key: str) -> int:
    payload = canonicalize({"person": person, "public_key": public_key})
    event_id = new_event_id()
    with named_errors(), transaction.atomic(using=writer.using, durable=True):
        writer.append_here([Submission(REGISTERED, payload, agent_id=None, event_id=event_id)])
        return people.register_first_person(writer.using, person, public_key, event_id=event_id)
