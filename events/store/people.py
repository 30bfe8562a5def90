"""The people who hold ceremonies, and their public keys. It must never see a private key.

A key is valid by place, as an agent's is: `from_sequence` … `until_sequence`.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import DatabaseError

from events.errors import CeremonyRefusedError
from events.store.connection import constraint, fetch_all, fetch_one, first_line
from events.store.registry import Validity


@dataclass(frozen=True, slots=True)
class PersonKey:
    """A person's public key (base64) and where in the ledger it counts."""

    person: str
    public_key: str
    validity: Validity
    registered_by: int | None
    """The event that says so; None: it waits for the end of a halt, or nobody decided it."""

    @property
    def is_active(self) -> bool:
        """Whether the person may propose and vote now."""
        return self.validity.until_sequence is None


def list_people(using: str) -> list[PersonKey]:
    """Every key ever registered, oldest first."""
    return [
        PersonKey(person, public_key, Validity(*validity), registered_by)
        for person, public_key, *validity, registered_by in fetch_all(using, "person_keys")
    ]


def active_key(using: str, person: str) -> PersonKey:
    """The key that a person signs with now.

    Raises:
        CeremonyRefusedError: there is no such person, or they are retired.
    """
    for known in list_people(using):
        if known.person == person and known.is_active:
            return known
    raise CeremonyRefusedError(f"CT-13: there is no person {person!r} with an active key", "person")


def are_ceremonies_in_force(using: str) -> bool:
    """Whether enough people are registered, so that nobody alone decides any more."""
    return bool(fetch_one(using, "ceremonies_in_force")[0])


_PERSON_REFUSALS = {
    "person_keys_one_active": "this name is registered already",
    "person_keys_pkey": "this public key is registered already",
    "person_keys_public_key_check": "a public key is standard base64 of 32 bytes",
}


def register_first_person(
    using: str, person: str, public_key: str, *, proof: str, event_id: str | None
) -> int:
    """Register one of the first people, as the owner; the first sequence the key counts for.

    Raises:
        CeremonyRefusedError: name or key is taken or malformed, or three are registered already.
    """
    values = {"person": person, "public_key": public_key, "proof": proof, "event_id": event_id}
    try:
        return int(fetch_one(using, "register_first_person", values)[0])
    except DatabaseError as error:
        reason = _PERSON_REFUSALS.get(constraint(error)) or first_line(error)
        raise CeremonyRefusedError(
            f"CT-13: {person} is not registered: {reason}", constraint(error)
        ) from error
