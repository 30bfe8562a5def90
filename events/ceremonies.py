"""Holds ceremonies: complete the details, propose, approve, reject, record (CT-13).

Invariant: nothing is stored or recorded before every signature in it verifies. The database decides
whether the details are true.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from django.db import DatabaseError, transaction

from events.append.writer import AtomicEventWriter
from events.errors import CeremonyRefusedError, KeyBackendError
from events.format import canonical, ceremony, ed25519
from events.format.canonical import canonicalize_text
from events.format.ceremony import (
    ERASURE,
    MATCHED,
    PROPOSED,
    REJECTED,
    Proposal,
    Voice,
    read_details,
)
from events.format.ceremony_record import ADDITION, wrong_possession, wrong_record
from events.format.event import ERASED_SALT, Event
from events.format.timestamps import parse_canonical
from events.keys.backend import KeyBackend
from events.keys.signing import is_writer_held, new_key_for
from events.store import ceremonies as store
from events.store import registry
from events.store.ceremonies import Ceremony, unwritten_records
from events.store.connection import constraint, named_errors
from events.store.ledger import Halt, PostgresEventStore
from events.submission import Submission

log = structlog.get_logger(__name__)

ASKED: Mapping[str, tuple[str, ...]] = {
    "clear_halt": (),
    "sequence_skip": ("first", "last"),
    "erase_payload": ("sequence",),
    "rotate_key": ("old_key",),
    "retire_key": ("old_key",),
    "drift_threshold": ("seconds",),
    "add_person": ("person", "public_key", "proof"),
    "retire_person": ("person",),
}
"""The details that a person must give for each kind; the rest is filled in."""


def complete_details(
    kind: str, given: Mapping[str, str], *, using: str, backend: KeyBackend
) -> dict[str, Any]:
    """Complete the details of a proposal from what a person gave. For a rotation, the new key is
    generated in `backend`.

    Raises:
        CeremonyRefusedError: something is missing, unknown or malformed.
        KeyRegistryError: the key to be replaced does not exist.
    """
    store = PostgresEventStore(using)
    known: dict[str, Any] = {}
    if kind == "clear_halt":
        known = _halt(store.halt(), using)
    elif kind == "erase_payload" and given.get("sequence", "").isdecimal():
        event = store.get_event(int(given["sequence"][:18]))
        if event is not None:
            known = {"event_id": event.event_id, "payload_hash": event.payload_hash}
        else:
            known = {"event_id": "none", "payload_hash": "none"}
    elif kind == "rotate_key" and "old_key" in given and "new_key" not in given:
        known = new_key_for(backend, using, given["old_key"])
    details = read_details(kind, {**known, **given})
    if kind == "erase_payload" and is_mismatched(store.get_event(details["sequence"])):
        details[MATCHED] = False
    return details


def _halt(halt: Halt, using: str) -> dict[str, Any]:
    if not halt.halted:
        raise CeremonyRefusedError("CT-13: the ledger is not halted", "details")
    return {
        "halted_at": halt.halted_at,
        "halt_reason": halt.reason,
        "unwritten": unwritten_records(using),
    }


def is_mismatched(event: Event | None) -> bool:
    """True if there is a payload that differs from what was signed."""
    return event is not None and event.payload_salt != ERASED_SALT and not event.payload_matches


def draft(kind: str, reason: str, details: Mapping[str, Any]) -> Proposal:
    """A new proposal with its own id, for its proposer to sign. Nothing is stored yet.

    Raises:
        CeremonyRefusedError: not a valid proposal, or the proof of a new person's key is missing.
    """
    proposal = ceremony.propose(str(uuid.uuid4()), kind, reason, details)
    _require_possession(proposal)
    return proposal


def speak(using: str, proposal: Proposal, *, step: str, person: str, signature: str) -> None:
    """Store a proposal, an approval or a rejection, verified with the person's registered key.

    Raises:
        CeremonyRefusedError: the signature is not this person's, of this text and this step; or
            the person may not: unknown, retired, voted already, or it is their own proposal.
    """
    key = registry.active_key(using, person)
    voice = Voice(person, step, key.public_key, signature.strip())
    proposal.verify(voice)
    _require_possession(proposal)
    try:
        with named_errors(), transaction.atomic(using=using):
            store.add_step(using, proposal, voice)
            if step != REJECTED:
                _require_payload_as_said(using, proposal)
    except DatabaseError as error:
        # Two at once: the unique indexes decide.
        raise CeremonyRefusedError(
            f"CT-13: {person} has already voted on this ceremony", constraint(error)
        ) from error
    log.info("ceremony_step", step=step, person=person, kind=proposal.kind, id=proposal.ceremony_id)


def vote(using: str, ceremony_id: str, *, step: str, person: str, signature: str) -> None:
    """Approve or reject a ceremony that was proposed. Errors as `speak`."""
    speak(
        using,
        store.find_ceremony(using, ceremony_id).proposal,
        step=step,
        person=person,
        signature=signature,
    )


def record(writer: AtomicEventWriter, ceremony_id: str) -> Event:
    """Record an approved ceremony in the chain; the event and its effect are one transaction.

    The ceremony that clears a halt is preceded by the unwritten events that its proposal lists:
    exactly what people signed.

    Raises:
        CeremonyRefusedError: it is not approved, a signature in it is wrong, or what was approved
            is no longer the case.
    """
    using = writer.using
    held = store.find_ceremony(using, ceremony_id)
    _verify(held)
    _require_new_key(writer, held.proposal)
    with named_errors(), transaction.atomic(using=using, durable=True):
        event_type, payload = store.open_ceremony(using, ceremony_id)
        _require_payload_as_said(using, held.proposal)
        text = canonicalize_text(payload, stored=True)
        _require_sound(using, held.proposal, event_type, text)
        unwritten = [_submission(left) for left in held.proposal.details.get("unwritten", [])]
        *_, event = writer.append_in_transaction(
            [*unwritten, Submission(event_type, text, agent_id=None)]
        )
        store.settle(using)
    log.warning("ceremony_recorded", kind=event_type, id=ceremony_id, sequence=event.sequence)
    return event


def record_if_approved(writer: AtomicEventWriter, ceremony_id: str) -> Event | None:
    """Record a ceremony after a vote if it now has enough approvals; None while it has not."""
    if not store.is_approved(writer.using, ceremony_id):
        return None
    return record(writer, ceremony_id)


def _verify(held: Ceremony) -> None:
    if held.steps[0].step != PROPOSED:
        raise CeremonyRefusedError(f"CT-13: ceremony {held.id} was never proposed", "proposal")
    for voice in held.voices:
        held.proposal.verify(voice)


def _require_payload_as_said(using: str, proposal: Proposal) -> None:
    """Refuse an erasure that would remove the traces of a change without saying so."""
    if proposal.kind != ERASURE:
        return
    place = proposal.details["sequence"]
    mismatched = is_mismatched(PostgresEventStore(using).get_event(place))
    if mismatched and MATCHED not in proposal.details:
        raise CeremonyRefusedError(
            f"CT-13: the payload of event {place} is not what was signed: it does not hash to its "
            f"payload_hash. Erasing it needs a proposal that says so, {MATCHED}: false",
            "details",
        )
    if MATCHED in proposal.details and not mismatched:
        raise CeremonyRefusedError(
            f"CT-13: the payload of event {place} hashes to its payload_hash; the proposal says "
            "that it does not",
            "details",
        )


def _require_new_key(writer: AtomicEventWriter, proposal: Proposal) -> None:
    """Refuse a new key whose private key is not here: the ledger could never write again. The
    successor of a key that its writer holds never is."""
    name = proposal.details.get("new_key")
    if name is None or is_writer_held(writer.using, proposal.details["old_key"]):
        return
    try:
        public_key = ed25519.encode(writer.signing.backend.public_key(name))
    except KeyBackendError as error:
        raise CeremonyRefusedError(
            f"CT-13: the new key {name} cannot be used: {error}", "details"
        ) from None
    if public_key != proposal.details["new_public_key"]:
        raise CeremonyRefusedError(
            f"CT-13: the private key {name} does not match new_public_key", "details"
        )


def _require_sound(using: str, proposal: Proposal, event_type: str, payload: bytes) -> None:
    """Check, under the ledger's lock, that a verification will accept the record, and that
    everything written before it was signed."""
    document = canonical.parse(payload, stored=True).value
    active = {key.public_key: key.person for key in registry.list_people(using) if key.is_active}
    _require(wrong_record(event_type, document, active.get), "record")
    if canonical.canonicalize(document["proposal"]).decode() != proposal.text:
        raise CeremonyRefusedError(
            "CT-13: the recorded text differs from what was signed", "record"
        )
    if proposal.details.get("unwritten", []) != (
        unwritten_records(using) if "unwritten" in proposal.details else []
    ):
        raise CeremonyRefusedError(
            "CT-13: the events waiting to be written differ from those that were signed: propose "
            "it again",
            "unwritten",
        )


def _require_possession(proposal: Proposal) -> None:
    if proposal.kind == ADDITION:
        _require(wrong_possession(proposal.details), "proof")


def _require(wrong: Iterator[str], check: str) -> None:
    for what in wrong:
        raise CeremonyRefusedError(what if what.startswith("CT-") else f"CT-13: {what}", check)


def _submission(left: Mapping[str, Any]) -> Submission:
    return Submission(
        left["event_type"],
        canonical.canonicalize(left["payload"]),
        agent_id=None,
        local_timestamp=parse_canonical(left["local_timestamp"]),
        event_id=left["event_id"],
    )
