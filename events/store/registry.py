"""The registry of public keys: agents, witnesses and people.

A key is valid for an event by the event's sequence: `from_sequence` … `until_sequence`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, transaction

from events.errors import CeremonyRefusedError, KeyRegistryError
from events.format import ed25519
from events.format.ed25519 import SignatureError
from events.store.connection import constraint, fetch_all, fetch_one, first_line


@dataclass(frozen=True, slots=True)
class Validity:
    """The validity of a key by time and by sequence; None is open."""

    active_from: str
    active_until: str | None
    from_sequence: int
    until_sequence: int | None

    def covers(self, sequence: int) -> bool:
        """True if the key may sign an event with this sequence."""
        return self.from_sequence <= sequence and (
            self.until_sequence is None or sequence <= self.until_sequence
        )


@dataclass(frozen=True, slots=True)
class AgentKeyRecord:
    """A public key of an agent; `agent_id` None is the system. `public_key` is base64."""

    key_id: str
    agent_id: str | None
    public_key: str
    validity: Validity


@dataclass(frozen=True, slots=True)
class WitnessRecord:
    """A witness, identified by its key. `public_key` is base64."""

    witness_id: str
    public_key: str
    validity: Validity


def list_agent_keys(using: str) -> list[AgentKeyRecord]:
    """Every key ever registered, oldest first."""
    return [
        AgentKeyRecord(key_id, agent_id, public_key, Validity(*validity))
        for key_id, agent_id, public_key, *validity in fetch_all(using, "registry.agent_keys")
    ]


def list_witnesses(using: str) -> list[WitnessRecord]:
    """Every witness ever registered, oldest first."""
    return [
        WitnessRecord(witness_id, public_key, Validity(*validity))
        for witness_id, public_key, *validity in fetch_all(using, "registry.witnesses")
    ]


def active_keys(using: str, agent_ids: Iterable[str | None]) -> dict[str | None, str]:
    """The active key_id of each agent that has one; None is the system."""
    wanted = {"agent_ids": [agent or "" for agent in agent_ids]}
    return {
        agent or None: key_id
        for agent, key_id in fetch_all(using, "registry.active_agent_keys", wanted)
    }


def known_agents(using: str, agent_ids: Iterable[str]) -> dict[str, bool]:
    """The agents among these that have or had a key; True if one is active."""
    return dict(fetch_all(using, "registry.agents_known", {"agent_ids": list(agent_ids)}))


def count_agents_under(using: str, prefix: str) -> int:
    """Number of agents with this name prefix that have or had a key."""
    return int(fetch_one(using, "registry.agents_under", {"prefix": prefix})[0])


def active_witnesses(using: str) -> list[str]:
    """The ids of the active witnesses."""
    return [row[0] for row in fetch_all(using, "registry.active_witnesses")]


def register_agent_key(using: str, key_id: str, agent_id: str | None, public_key: str) -> int:
    """Register a key and return the first sequence it may sign.

    Raises:
        KeyRegistryError: the name or the key is taken, the agent has an active key, or the key is
            not usable.
    """
    _check_usable(public_key, f"key {key_id}")
    values = {"key_id": key_id, "agent_id": agent_id, "public_key": public_key}
    return _registered(using, "registry.register_agent_key", values, f"key {key_id}")


def register_witness(using: str, witness_id: str, public_key: str) -> int:
    """Register a witness and return the first sequence it may attest.

    Raises:
        KeyRegistryError: the name or the key is taken, or the key is not usable.
    """
    _check_usable(public_key, f"witness {witness_id}")
    values = {"witness_id": witness_id, "public_key": public_key}
    return _registered(using, "registry.register_witness", values, f"witness {witness_id}")


def retire_agent_key(using: str, key_id: str) -> int:
    """Retire a key permanently and return the last sequence it may have signed.

    Raises:
        KeyRegistryError: there is no such active key.
    """
    return _retired(using, "registry.retire_agent_key", {"key_id": key_id}, f"key {key_id}")


def retire_witness(using: str, witness_id: str) -> int:
    """Retire a witness permanently and return the last sequence it may have attested.

    Raises:
        KeyRegistryError: there is no such active witness.
    """
    return _retired(
        using, "registry.retire_witness", {"witness_id": witness_id}, f"witness {witness_id}"
    )


_REFUSALS = {
    "agent_keys_one_active": "the agent has an active key already; rotate it instead",
    "agent_keys_pkey": "this name is taken; a name is never reused",
    "witnesses_pkey": "this name is taken; a new key is a new witness, give it a new name",
    "agent_keys_public_key_key": "this public key is registered already",
    "witnesses_public_key_key": "this public key is registered already",
    "agent_keys_key_id_check": "use letters, digits, dot, dash and underscore",
    "witnesses_witness_id_check": "use WITNESS: and letters, digits, dot, dash and underscore",
    "agent_keys_agent_id_check": "an agent's name has 1 to 200 printable characters",
}


def _check_usable(public_key: str, what: str) -> None:
    try:
        ed25519.decode_key(public_key)
    except SignatureError as error:
        raise KeyRegistryError(f"{what} is not registered: {error}") from None


def _registered(using: str, query: str, values: Mapping[str, str | None], what: str) -> int:
    try:
        return int(_under_lock(using, query, values)[0])
    except DatabaseError as error:
        reason = _REFUSALS.get(constraint(error)) or first_line(error)
        raise KeyRegistryError(f"{what} is not registered: {reason}") from error


def _under_lock(using: str, query: str, values: Mapping[str, str | None]) -> Any:
    """Run in an explicit transaction, whose isolation level is set; a bare statement would use the
    default."""
    with transaction.atomic(using=using, savepoint=False):
        return fetch_one(using, query, values)


def _retired(using: str, query: str, values: Mapping[str, str], what: str) -> int:
    row = _under_lock(using, query, values)
    if row is None or row[0] is None:
        raise KeyRegistryError(f"{what} is not retired: there is no such active key")
    return int(row[0])


@dataclass(frozen=True, slots=True)
class PersonKey:
    """A person's public key (base64) and its validity."""

    person: str
    public_key: str
    validity: Validity
    registered_by: int | None
    """The sequence of the event that registered it; None if that waits for the end of a halt or
    does not exist."""

    @property
    def is_active(self) -> bool:
        """True if the person may propose and vote now."""
        return self.validity.until_sequence is None


def list_people(using: str) -> list[PersonKey]:
    """Every key ever registered, oldest first."""
    return [
        PersonKey(person, public_key, Validity(*validity), registered_by)
        for person, public_key, *validity, registered_by in fetch_all(using, "registry.person_keys")
    ]


def active_key(using: str, person: str) -> PersonKey:
    """The key that a person signs with now.

    Raises:
        CeremonyRefusedError: the person does not exist or is retired.
    """
    for known in list_people(using):
        if known.person == person and known.is_active:
            return known
    raise CeremonyRefusedError(f"CT-13: there is no person {person!r} with an active key", "person")


def are_ceremonies_in_force(using: str) -> bool:
    """True if enough people are registered that nobody decides alone any more."""
    return bool(fetch_one(using, "registry.ceremonies_in_force")[0])


_PERSON_REFUSALS = {
    "person_keys_one_active": "this name is registered already",
    "person_keys_pkey": "this public key is registered already",
    "person_keys_public_key_check": "a public key is standard base64 of 32 bytes",
}


def register_first_person(
    using: str, person: str, public_key: str, *, proof: str, event_id: str | None
) -> int:
    """Register one of the first people, as the owner; returns the first sequence the key counts
    for.

    Raises:
        CeremonyRefusedError: name or key is taken or malformed, or three are registered already.
    """
    values = {"person": person, "public_key": public_key, "proof": proof, "event_id": event_id}
    try:
        return int(fetch_one(using, "registry.register_first_person", values)[0])
    except DatabaseError as error:
        reason = _PERSON_REFUSALS.get(constraint(error)) or first_line(error)
        raise CeremonyRefusedError(
            f"CT-13: {person} is not registered: {reason}", constraint(error)
        ) from error
