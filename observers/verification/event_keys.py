"""Makes check 12 for one event: each of its two keys is registered by the event behind which the
registry says that it is valid. `key_history` checks the whole history."""

from __future__ import annotations

from collections.abc import Iterator

from events.errors import CanonicalJSONError
from events.format import canonical, key_events
from events.format.event import Event
from events.store.ledger import PostgresEventStore
from events.store.registry import AgentKeyRecord, WitnessRecord
from observers.verification.key_history import ROTATION


def unregistered_keys(
    using: str, key: AgentKeyRecord | None, witness: WitnessRecord | None
) -> Iterator[str]:
    """Yields one sentence for each of an event's keys that the chain does not register; checks 6
    and 8 report a key that is missing."""
    store = PostgresEventStore(using)
    for name, known in (
        (key.key_id if key else "", key),
        (witness.witness_id if witness else "", witness),
    ):
        if known is None:
            continue
        place = max(known.validity.from_sequence - 1, 1)
        event = store.get_event(place)
        if event is None or (name, known.public_key) not in _registered_by(event):
            first = known.validity.from_sequence
            yield f"{name} is valid from {first} on, and event {place} does not register it"


def _registered_by(event: Event) -> set[tuple[str, str]]:
    """Returns the names and public keys that an event of the system registers."""
    if event.agent_id is not None:
        return set()
    try:
        said = canonical.parse(event.payload, stored=True).value
        if event.event_type == key_events.REGISTERED:
            return {(said["id"], said["public_key"])}
        if event.event_type == ROTATION:
            details = said["proposal"]["details"]
            return {(details["new_key"], details["new_public_key"])}
        if event.event_type == key_events.OPENED:
            system, witness = said["system_key"], said["witness"]
            return {
                (system["key_id"], system["public_key"]),
                (witness["witness_id"], witness["public_key"]),
            }
    except (CanonicalJSONError, KeyError, TypeError):
        pass
    return set()
