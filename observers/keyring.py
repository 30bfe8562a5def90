"""The public keys that a verification trusts, from the registry or from a saved `GET /api/v1/keys`.

It must never hold or ask for a private key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from events import ed25519
from events.errors import LedgerError
from events.store import people, registry
from events.store.registry import Validity


class KeyringError(LedgerError):
    """A saved list of keys is not one."""


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key (32 bytes), whose it is, and where in the ledger it may sign."""

    owner: str | None
    public_key: bytes
    validity: Validity


@dataclass(frozen=True, slots=True)
class Keyring:
    """Agents' keys by key_id, witnesses by witness_id, people's keys by the key itself."""

    agents: Mapping[str, TrustedKey]
    witnesses: Mapping[str, TrustedKey]
    people: Mapping[str, TrustedKey] = field(default_factory=dict)


def keyring_from_registry(using: str) -> Keyring:
    """Every key and witness ever registered."""
    return Keyring(
        agents={
            key.key_id: TrustedKey(key.agent_id, ed25519.decode(key.public_key), key.validity)
            for key in registry.list_agent_keys(using)
        },
        witnesses={
            witness.witness_id: TrustedKey(
                witness.witness_id, ed25519.decode(witness.public_key), witness.validity
            )
            for witness in registry.list_witnesses(using)
        },
        people={
            key.public_key: TrustedKey(key.person, ed25519.decode(key.public_key), key.validity)
            for key in people.list_people(using)
        },
    )


def public_keys(using: str, *, only_agent: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """The answer of `GET /api/v1/keys`, retired ones too; with `only_agent`, of the agents' keys
    that agent's alone."""
    agents = [
        key
        for key in registry.list_agent_keys(using)
        if only_agent is None or key.agent_id == only_agent
    ]
    return {
        "agents": [_listed(key) for key in agents],
        "witnesses": [_listed(witness) for witness in registry.list_witnesses(using)],
        "people": [_listed(key) for key in people.list_people(using)],
    }


def keyring_from_json(document: Any) -> Keyring:
    """The keys of a saved answer of `GET /api/v1/keys`.

    Raises:
        KeyringError: it has not that form.
    """
    try:
        return Keyring(
            agents={
                entry["key_id"]: _trusted(entry, entry["agent_id"]) for entry in document["agents"]
            },
            witnesses={
                entry["witness_id"]: _trusted(entry, entry["witness_id"])
                for entry in document["witnesses"]
            },
            # A list that was saved before there were people has none.
            people={
                entry["public_key"]: _trusted(entry, entry["person"])
                for entry in document.get("people", [])
            },
        )
    except (AttributeError, KeyError, TypeError, ed25519.SignatureError) as error:
        raise KeyringError(f"not an answer of GET /api/v1/keys: {error!r}") from None


def _listed(
    record: registry.AgentKeyRecord | registry.WitnessRecord | people.PersonKey,
) -> dict[str, Any]:
    """The record, its validity beside its other members."""
    members = asdict(record)
    validity: dict[str, Any] = members.pop("validity")
    return members | validity


def _trusted(entry: Mapping[str, Any], owner: str | None) -> TrustedKey:
    validity = Validity(
        active_from=entry["active_from"],
        active_until=entry["active_until"],
        from_sequence=int(entry["from_sequence"]),
        until_sequence=None if entry["until_sequence"] is None else int(entry["until_sequence"]),
    )
    return TrustedKey(owner, ed25519.decode(entry["public_key"]), validity)
