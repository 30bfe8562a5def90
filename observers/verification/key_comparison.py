"""Check 12: compares the registries of keys and people with what the chain says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from heapq import merge

from events.format import key_events
from events.format.ceremony_record import REGISTERED
from events.store import registry
from events.store.ceremonies import unwritten_records
from events.store.ledger import PostgresEventStore
from events.store.registry import AgentKeyRecord, PersonKey, WitnessRecord
from observers.verification.checks import Check
from observers.verification.decisions import HALTED
from observers.verification.key_history import TYPES, ChainKey, KeyHistory, history_of
from observers.verification.strays import Stray


def history_in(using: str) -> KeyHistory:
    """Follows the events of the database's ledger."""
    store = PostgresEventStore(using)
    return history_of(merge(*map(store.system_events, TYPES), key=lambda event: event.sequence))


def compare_keys(using: str) -> list[Stray]:
    """Compares the registries of keys and people with the events, in both directions."""
    history = history_in(using)
    if not history.keys:
        if not (registry.list_agent_keys(using) or PostgresEventStore(using).last_sequence()):
            return []  # a new ledger, which nobody has opened yet
        text = "no first event opens the ledger, so none of its keys can be traced to one"
        return [_stray("opening", 1, text)]
    found = [_stray(f"event {place}", place, text) for place, text in history.wrong]
    named = registry.ledger_id(using)
    if history.ledger_id != named:
        text = f"the ledger calls itself {named or 'nothing'}, its first event says "
        found.append(_stray("ledger", 1, text + history.ledger_id))
    listed = {key.key_id: _agent_key(key) for key in registry.list_agent_keys(using)}
    listed |= {each.witness_id: _witness(each) for each in registry.list_witnesses(using)}
    for key_id, key in listed.items():
        said = history.keys.get(key_id)
        if said is None:
            text = f"key {key_id} of {_owner(key)} is registered, and no event says so"
            found.append(_stray(key_id, max(key.from_sequence - 1, 1), text))
        elif replace(said, registered_at=0) != key:
            text = f"key {key_id} is {_told(key)}, and its events say {_told(said)}"
            found.append(_stray(key_id, said.registered_at, text))
    for key_id in history.keys.keys() - listed.keys():
        place = history.keys[key_id].registered_at
        found.append(_stray(key_id, place, f"key {key_id} is gone from the registry"))
    return [*found, *_compare_people(using, history)]


def _compare_people(using: str, history: KeyHistory) -> Iterator[Stray]:
    known = {key.public_key: key for key in registry.list_people(using)}
    for public_key, key in known.items():
        said = history.people.get(public_key)
        if said is None:
            if not _waits(using, key):
                text = f"the key of {key.person} is registered, and no sound event says so"
                yield _stray(public_key, max(key.validity.from_sequence - 1, 1), text)
        elif (said.owner, said.until_sequence) != (key.person, key.validity.until_sequence):
            text = f"{key.person} is valid to {key.validity.until_sequence or 'now'}, and the "
            text += f"events say {said.owner}, valid to {said.until_sequence or 'now'}"
            yield _stray(public_key, said.registered_at, text)
        elif key.validity.from_sequence != said.from_sequence and not _waited(using, key, said):
            text = f"{key.person} is valid from {key.validity.from_sequence} on, and the event "
            text += f"says from {said.from_sequence} on"
            yield _stray(public_key, said.registered_at, text)
    for public_key in history.people.keys() - known.keys():
        said = history.people[public_key]
        yield _stray(public_key, said.registered_at, f"the key of {said.owner} is gone")


MOST_WAITING = 4
"""Records that wait for the end of a halt at most: the halt, and three people."""


def _waited(using: str, key: PersonKey, said: ChainKey) -> bool:
    """Tells whether a person was registered in a halt, whose records are written at its end: the
    key counts from the end of the ledger at that time on."""
    first, last = key.validity.from_sequence, said.registered_at
    written = PostgresEventStore(using).get_events_by_sequence_range(first, last)
    return 0 <= last - first < MOST_WAITING and all(
        event.event_type in (HALTED, REGISTERED) for event in written
    )


def _waits(using: str, key: PersonKey) -> bool:
    """Tells whether the record of a person's registration waits for the end of a halt."""
    said = {"person": key.person, "public_key": key.public_key}
    return any(
        record["event_type"] == REGISTERED and said.items() <= record["payload"].items()
        for record in unwritten_records(using)
    )


def _agent_key(key: AgentKeyRecord) -> ChainKey:
    role = key_events.role_of(key.agent_id)
    return _listed(role, key.agent_id, key, key.sig_alg_version, key.custody)


def _witness(witness: WitnessRecord) -> ChainKey:
    return _listed(key_events.WITNESS, None, witness, 1, key_events.SERVER)


def _listed(
    role: str, owner: str | None, key: AgentKeyRecord | WitnessRecord, version: int, custody: str
) -> ChainKey:
    valid = key.validity
    return ChainKey(
        role,
        owner,
        key.public_key,
        version,
        custody,
        0,
        valid.from_sequence,
        valid.until_sequence,
        valid.active_from,
        valid.active_until,
    )


def _told(key: ChainKey) -> str:
    """Describes a key, for the text of a finding."""
    until = "now" if key.until_sequence is None else key.until_sequence
    return (
        f"{key.public_key} of {_owner(key)}, in the custody of the {key.custody}, "
        f"valid from {key.from_sequence} to {until} ({key.active_from} to {key.active_until})"
    )


def _owner(key: ChainKey) -> str:
    return key.owner or f"the {key.role}"


def _stray(name: str, place: int, text: str) -> Stray:
    return Stray(f"key/{name}", place, "key_history", text, Check.KEY_HISTORY)
