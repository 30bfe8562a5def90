"""Which people's keys the events of an export register, so that nobody believes a list of keys that
stands beside them."""

from __future__ import annotations

from dataclasses import replace

from events.store.ledger import EventStoreProtocol
from observers.ceremony_check import registered_person
from observers.checks import check_event
from observers.keyring import Keyring


def with_registered_people(
    source: EventStoreProtocol, keys: Keyring, start: int, *, signatures: bool
) -> Keyring:
    """The keyring without the people whom no sound event registers, where the list of keys names
    the event: each key counts from behind that event.

    An event before `start`, where the source begins, cannot be looked up; a list without
    `registered_by` names none. Both are taken as they are.
    """
    places = {place for place in keys.registered_by.values() if place is not None}
    found = {
        subject.sequence: subject
        for subject in source.get_events_by_sequence_range(start, max(places, default=0))
        if subject.sequence in places
    }
    people = {key: known for key, known in keys.people.items() if key not in keys.registered_by}
    vouched = replace(keys, people=people)
    # In order of place: who registers somebody by ceremony was registered before.
    for public_key, place in sorted(keys.registered_by.items(), key=lambda item: item[1] or 0):
        known = keys.people[public_key]
        if place is None or place < 1:
            continue
        if place >= start:
            event = found.get(place)
            if (
                event is None
                or registered_person(event) != (known.owner, public_key)
                or any(check_event(event, vouched, signatures=signatures))
            ):
                continue
            first = max(known.validity.from_sequence, place + 1)
            known = replace(known, validity=replace(known.validity, from_sequence=first))
        people[public_key] = known
    return vouched
