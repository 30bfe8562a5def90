"""What the record of a ceremony shows by itself: who proposed, who approved, and that they signed
exactly this (CT-13). `docs/event-format.md` describes the same bytes.

It must never read a database or a clock, and never take a name for a signature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from events import canonical
from events.ceremony import (
    APPROVALS,
    APPROVED,
    PREFIX,
    PROPOSED,
    REJECTED,
    Proposal,
    Voice,
    proposal_of,
)
from events.errors import CanonicalJSONError, CeremonyRefusedError
from events.event import ERASED_SALT, Event
from events.people import REGISTERED
from observers.keyring import Keyring

MEMBERS = {"approvals", "ceremony_id", "proposal", "proposed_by", "rejections"}
SKIP = PREFIX + "sequence_skip"
ADDED = PREFIX + "add_person"
ERASURE = PREFIX + "erase_payload"
MAX_PLACE = 2**63
"""No sequence is so large; a forged marker may name any number."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What stands where a payload was: which ceremony is said to have erased it."""

    ceremony_sequence: int
    ceremony_id: str


def check_ceremony(subject: Event, keys: Keyring) -> Iterator[str]:
    """What is wrong with the record of a ceremony; nothing for any other event."""
    if not subject.event_type.startswith(PREFIX):
        return
    if subject.agent_id is not None:
        yield "an agent recorded it, not the system"
        return
    try:
        payload = _payload(subject)
        proposal = proposal_of(payload["proposal"])
        yield from _wrong_members(subject, payload, proposal)
        yield from _wrong_voices(subject, payload, proposal, keys)
    except (CanonicalJSONError, CeremonyRefusedError) as error:
        yield str(error)


def ceremony_details(subject: Event) -> Mapping[str, Any]:
    """The details of a ceremony that passed its check."""
    details: Mapping[str, Any] = _payload(subject)["proposal"]["details"]
    return details


def registered_person(subject: Event) -> tuple[str, str] | None:
    """The person and the public key that an event of the system registers; None for any other."""
    if subject.agent_id is not None:
        return None
    try:
        if subject.event_type == ADDED:
            named = ceremony_details(subject)
        elif subject.event_type == REGISTERED:
            named = canonical.parse(subject.payload, stored=True).value
        else:
            return None
        match named:
            case {"person": str(person), "public_key": str(public_key)}:
                return person, public_key
    except (CanonicalJSONError, CeremonyRefusedError, KeyError, TypeError):
        pass
    return None


def claimed_erasure(subject: Event) -> Erasure | None:
    """The ceremony that is named where a payload should be; None where a payload is.

    An honest payload cannot pass for it: its salt is random.
    """
    if subject.payload_salt != ERASED_SALT:
        return None
    try:
        payload = canonical.parse(subject.payload, stored=True).value
    except CanonicalJSONError:
        return None
    if not isinstance(payload, dict) or set(payload) != {"erased"}:
        return None
    match payload["erased"]:
        case {"ceremony_id": str(name), "ceremony_sequence": int(sequence), **rest} if not rest:
            is_place = type(sequence) is int and 0 < sequence < MAX_PLACE
            return Erasure(sequence, name) if is_place else None
    return None


def erases(ceremony: Event, subject: Event) -> bool:
    """Whether a ceremony that passed all its own checks is the one that erased this payload."""
    if ceremony.event_type != ERASURE or ceremony.agent_id is not None:
        return False
    named = _payload(ceremony)
    erasure = claimed_erasure(subject)
    details = named["proposal"]["details"]
    return (
        erasure is not None
        and erasure == Erasure(ceremony.sequence, named["ceremony_id"])
        and details["sequence"] == subject.sequence
        and details["event_id"] == subject.event_id
        and details["payload_hash"] == subject.payload_hash
    )


def _payload(subject: Event) -> dict[str, Any]:
    payload = canonical.parse(subject.payload, stored=True).value
    if not isinstance(payload, dict) or not set(payload) >= MEMBERS:
        raise CeremonyRefusedError(
            f"the record of a ceremony has {', '.join(sorted(MEMBERS))}", "payload"
        )
    return payload


def _wrong_members(subject: Event, payload: Mapping[str, Any], proposal: Proposal) -> Iterator[str]:
    if proposal.kind != subject.event_type:
        yield f"a {proposal.kind} was proposed"
    if proposal.ceremony_id != payload["ceremony_id"]:
        yield "it names another ceremony than was proposed"
    named = proposal.details if subject.event_type == SKIP else {}
    if {name: payload[name] for name in payload if name not in MEMBERS} != named:
        yield "it says something else than was proposed"


def _wrong_voices(
    subject: Event, payload: Mapping[str, Any], proposal: Proposal, keys: Keyring
) -> Iterator[str]:
    proposer = _voice(payload["proposed_by"], PROPOSED)
    approvals = _voices(payload["approvals"], APPROVED)
    rejections = _voices(payload["rejections"], REJECTED)
    for voice in (proposer, *approvals, *rejections):
        key = keys.people.get(voice.public_key)
        if key is None or key.owner != voice.person or not key.validity.covers(subject.sequence):
            yield f"the key of {voice.person} is not theirs, or not registered for this place"
            continue
        try:
            proposal.verify(voice)
        except CeremonyRefusedError as error:
            yield str(error)
    people = [voice.person.lower() for voice in (proposer, *approvals, *rejections)]
    if len(set(people)) != len(people):
        yield "somebody spoke twice"
    if len(approvals) < APPROVALS or len(approvals) <= len(rejections):
        yield f"{len(approvals)} approved and {len(rejections)} rejected it: not enough"


def _voices(value: Any, step: str) -> list[Voice]:
    if not isinstance(value, list):
        raise CeremonyRefusedError(f"who {step} it is no list", "voices")
    return [_voice(each, step) for each in value]


def _voice(value: Any, step: str) -> Voice:
    match value:
        case {"person": str(person), "public_key": str(public_key), "signature": str(signature)}:
            return Voice(person, step, public_key, signature)
    raise CeremonyRefusedError(f"who {step} it has no person, public_key and signature", "voices")
