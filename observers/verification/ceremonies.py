"""Check 11: the record of a ceremony by itself: proposer, approvals, and their signatures over
exactly this decision (CT-13). Pure; `docs/event-format.md` describes the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from events.errors import CanonicalJSONError, CeremonyRefusedError
from events.format import canonical
from events.format.ceremony import PREFIX
from events.format.ceremony_record import (
    ADDITION,
    REGISTERED,
    SKIP,
    members_of,
    wrong_possession,
    wrong_record,
)
from events.format.event import ERASED_SALT, MAX_SEQUENCE, Event
from events.format.gaps import Gap
from observers.verification.keyring import Keyring

ERASURE = PREFIX + "erase_payload"


@dataclass(frozen=True, slots=True)
class Erasure:
    """The placeholder for an erased payload: it names the ceremony that is said to have erased
    it."""

    ceremony_sequence: int
    ceremony_id: str


def check_ceremony(subject: Event, keys: Keyring) -> Iterator[str]:
    """Yields what is wrong with the record of a ceremony, or with the registration event of one of
    the first people; nothing for any other event."""
    if not (subject.event_type.startswith(PREFIX) or subject.event_type == REGISTERED):
        return
    if subject.agent_id is not None:
        yield "it was recorded by an agent, not by the system"
        return

    def owner_of(public_key: str) -> str | None:
        key = keys.people.get(public_key)
        return key.owner if key and key.validity.covers(subject.sequence) else None

    try:
        payload = canonical.parse(subject.payload, stored=True).value
    except CanonicalJSONError as error:
        yield str(error)
        return
    if subject.event_type == REGISTERED:
        yield from wrong_possession(payload)
    else:
        yield from wrong_record(subject.event_type, payload, owner_of)


def ceremony_details(subject: Event) -> Mapping[str, Any]:
    """Returns the details of a ceremony that passed its check."""
    details: Mapping[str, Any] = _payload(subject)["proposal"]["details"]
    return details


def registered_person(subject: Event) -> tuple[str, str] | None:
    """Returns the person and public key that a system event registers; None for any other event."""
    if subject.agent_id is not None:
        return None
    try:
        if subject.event_type == ADDITION:
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


def skipped_numbers(subject: Event) -> Gap | None:
    """Returns the gap that a skip ceremony names; None for any other event. Its own checks decide
    whether the ceremony is sound."""
    if subject.event_type != SKIP or subject.agent_id is not None:
        return None
    try:
        payload = canonical.parse(subject.payload, stored=True).value
    except CanonicalJSONError:
        return None
    if not isinstance(payload, dict):
        return None
    first, last = payload.get("first"), payload.get("last")
    if type(first) is not int or type(last) is not int or first > last:
        return None
    return Gap(first, last)


def claimed_erasure(subject: Event) -> Erasure | None:
    """Returns the ceremony named in place of the payload; None where there is a payload.

    A genuine payload cannot be mistaken for it, because its salt is random.
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
            # A forged marker may name any number.
            is_place = type(sequence) is int and 0 < sequence <= MAX_SEQUENCE
            return Erasure(sequence, name) if is_place else None
    return None


def erases(ceremony: Event, subject: Event) -> bool:
    """Tells whether a ceremony that passed all its own checks is the one that erased this
    payload."""
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
    return members_of(canonical.parse(subject.payload, stored=True).value)
