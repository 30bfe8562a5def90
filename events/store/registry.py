"""The registry of public keys: agents, witnesses and people.

A key is valid for an event by the event's sequence: `from_sequence` … `until_sequence`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import DatabaseError

from events.errors import CeremonyRefusedError
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
    """A public key of an agent; `agent_id` None is the system. `public_key` is base64; `custody` is
    `server` or `writer`, whoever holds the private half."""

    key_id: str
    agent_id: str | None
    public_key: str
    sig_alg_version: int
    custody: str
    validity: Validity


@dataclass(frozen=True, slots=True)
class WitnessRecord:
    """A witness, identified by its key. `public_key` is base64."""

    witness_id: str
    public_key: str
    validity: Validity


def list_agent_keys(using: str) -> list[AgentKeyRecord]:
    """Every key ever registered, oldest first."""
    rows = fetch_all(using, "registry.agent_keys")
    return [
        AgentKeyRecord(key_id, agent_id, public_key, version, custody, Validity(*validity))
        for key_id, agent_id, public_key, version, custody, *validity in rows
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


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The parts of an agent's key that never change; `agent_id` None is the system."""

    agent_id: str | None
    public_key: str
    custody: str


def signing_keys(using: str, key_ids: Iterable[str]) -> dict[str, SigningKey]:
    """The keys among these ids that were ever registered."""
    rows = fetch_all(using, "registry.signing_keys", {"key_ids": list(key_ids)})
    return {key_id: SigningKey(*rest) for key_id, *rest in rows}


def known_agents(using: str, agent_ids: Iterable[str]) -> dict[str, str | None]:
    """The agents among these that have or had a key, and the custody of the active one, if any."""
    return dict(fetch_all(using, "registry.agents_known", {"agent_ids": list(agent_ids)}))


def count_agents_under(using: str, prefix: str) -> int:
    """Number of agents with this name prefix that have or had a key."""
    return int(fetch_one(using, "registry.agents_under", {"prefix": prefix})[0])


def active_witnesses(using: str) -> list[str]:
    """The ids of the active witnesses."""
    return [row[0] for row in fetch_all(using, "registry.active_witnesses")]


def ledger_id(using: str) -> str:
    """The name of the ledger, a UUID; "" if the row that holds it is gone, which verifications and
    `check_guards` report."""
    row = fetch_one(using, "registry.ledger_id")
    return "" if row is None else str(row[0])


def open_ledger(using: str, system: tuple[str, str], witness: tuple[str, str]) -> str:
    """Register the first key of the system and the first witness, each as `(id, public key)`, and
    return the payload of the event that must follow in this transaction.

    Raises:
        CeremonyRefusedError: the ledger is open already.
    """
    values = {"system": system[0], "system_key": system[1], "witness": witness[0]}
    values["witness_key"] = witness[1]
    return str(fetch_one(using, "registry.open_ledger", values)[0])


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
