"""Which sound ceremony erased a payload, asked of a source of events.

It must never take an event's own word for it.
"""

from __future__ import annotations

from events.ceremony import MATCHED
from events.event import Event
from events.store.ledger import EventStoreProtocol
from observers.ceremony_check import ceremony_details, claimed_erasure, erases
from observers.checks import check_event
from observers.keyring import Keyring
from observers.parts import Erasures
from observers.report import KnownErasure


def erasures_in(source: EventStoreProtocol, keys: Keyring) -> Erasures:
    """Looks a claimed ceremony up, wherever it is in the source, and checks it."""

    def erased_by(subject: Event) -> KnownErasure | None:
        claimed = claimed_erasure(subject)
        place = claimed.ceremony_sequence if claimed else 0
        found = next(iter(source.get_events_by_sequence_range(place, place)), None)
        if found is None or any(check_event(found, keys)) or not erases(found, subject):
            return None
        matched = MATCHED not in ceremony_details(found)
        return KnownErasure(subject.sequence, place, payload_matched=matched)

    return erased_by
