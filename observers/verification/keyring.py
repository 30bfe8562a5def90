"""The public keys that a verification trusts, from the registry or from a saved `GET
/api/v1/keys`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from events.errors import LedgerError
from events.format import ed25519
from events.store import registry
from events.store.registry import Validity


class KeyringError(LedgerError):
    """A saved list of keys is malformed."""


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key (32 bytes), its owner, the sequences where it may sign, and the version of its
    signatures."""

    owner: str | None
    public_key: bytes
    validity: Validity
    sig_alg_version: int = 1


@dataclass(frozen=True, slots=True)
class Keyring:
    """Agents' keys by key_id, witnesses by witness_id, people's keys by the key itself."""

    agents: Mapping[str, TrustedKey]
    witnesses: Mapping[str, TrustedKey]
    people: Mapping[str, TrustedKey] = field(default_factory=dict)
    registered_by: Mapping[str, int | None] = field(default_factory=dict)
    """Of people's keys of a saved list, the sequence of the event that registers each."""
    ledger_id: str | None = None
    """The ledger for which writers sign; None where a saved list of keys does not say."""


def keyring_from_registry(using: str) -> Keyring:
    """Returns every key and witness ever registered."""
    return Keyring(
        agents={
            key.key_id: TrustedKey(
                key.agent_id, ed25519.decode(key.public_key), key.validity, key.sig_alg_version
            )
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
            for key in registry.list_people(using)
        },
        ledger_id=registry.ledger_id(using) or None,
    )


def public_keys(using: str, *, only_agent: str | None = None) -> dict[str, Any]:
    """Returns the answer of `GET /api/v1/keys`, with retired keys; with `only_agent`, agents' keys
    of that agent alone."""
    agents = [
        key
        for key in registry.list_agent_keys(using)
        if only_agent is None or key.agent_id == only_agent
    ]
    return {
        "ledger_id": registry.ledger_id(using),
        "agents": [_listed(key) for key in agents],
        "witnesses": [_listed(witness) for witness in registry.list_witnesses(using)],
        "people": [_listed(key) for key in registry.list_people(using)],
    }


def keyring_from_json(document: Any) -> Keyring:
    """Parses a saved answer of `GET /api/v1/keys`.

    Raises:
        KeyringError: it has not that form, it names a key twice, or it gives somebody two keys at
            one place.
    """
    try:
        # A list that was saved before there were people has none.
        listed = document.get("people", [])
        keyring = Keyring(
            agents=_by_name("key_id", document["agents"], "agent_id"),
            witnesses=_by_name("witness_id", document["witnesses"], "witness_id"),
            people=_by_name("public_key", listed, "person"),
            registered_by={
                entry["public_key"]: _place(entry["registered_by"])
                for entry in listed
                if "registered_by" in entry
            },
            ledger_id=_text(document.get("ledger_id")),
        )
    except (AttributeError, KeyError, TypeError, ed25519.SignatureError) as error:
        raise KeyringError(f"not an answer of GET /api/v1/keys: {error!r}") from None
    for keys in (keyring.agents, keyring.people):
        _require_one_at_a_time(keys.values())
    return keyring


def _listed(
    record: registry.AgentKeyRecord | registry.WitnessRecord | registry.PersonKey,
) -> dict[str, Any]:
    """Returns the record with its validity beside its other members."""
    members = asdict(record)
    validity: dict[str, Any] = members.pop("validity")
    return members | validity


def _by_name(name: str, entries: Any, owner: str) -> dict[str, TrustedKey]:
    named: dict[str, TrustedKey] = {}
    for entry in entries:
        if not isinstance(entry[name], str) or not isinstance(entry[owner], str | None):
            raise TypeError(f"{name} and {owner} must be strings")
        if entry[name] in named:
            raise KeyringError(f"it names {name} {entry[name]!r} twice")
        named[entry[name]] = _trusted(entry, entry[owner])
    if len({key.public_key for key in named.values()}) != len(named):
        raise KeyringError(f"two entries of {name} have the same public key")
    return named


def _require_one_at_a_time(keys: Iterable[TrustedKey]) -> None:
    """Refuses two keys of one owner valid at the same sequence: either could be the genuine one."""
    last: dict[str | None, int | None] = {}
    for key in sorted(keys, key=lambda key: key.validity.from_sequence):
        first, until = key.validity.from_sequence, key.validity.until_sequence
        if until is not None and until < first:
            continue  # retired before it counted for anything
        if key.owner in last and ((before := last[key.owner]) is None or before >= first):
            whose = "the system" if key.owner is None else repr(key.owner)
            raise KeyringError(f"it gives {whose} two keys at sequence {first}")
        last[key.owner] = until


def _trusted(entry: Mapping[str, Any], owner: str | None) -> TrustedKey:
    first = _place(entry["from_sequence"])
    if first is None:
        raise TypeError("from_sequence is missing")
    validity = Validity(
        active_from=entry["active_from"],
        active_until=entry["active_until"],
        from_sequence=first,
        until_sequence=_place(entry["until_sequence"]),
    )
    version = _place(entry.get("sig_alg_version", 1)) or 0
    return TrustedKey(owner, ed25519.decode(entry["public_key"]), validity, version)


def _text(value: Any) -> str | None:
    """Parses a text or null."""
    if not isinstance(value, str | None):
        raise TypeError(f"{value!r} is not a text")
    return value


def _place(value: Any) -> int | None:
    """Parses a sequence number or null."""
    if value is not None and type(value) is not int:
        raise TypeError(f"{value!r} is not a sequence number")
    return value
