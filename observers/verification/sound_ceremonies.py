"""Finds the sound records of ceremonies: events that pass every check of an event, whatever else
the database says of them. Also looks up the ceremony that erased a payload, and checks it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from events.format.ceremony import MATCHED
from events.format.event import GENESIS_HASH, Event
from events.store.integrity import Kept, hashes_at
from events.store.ledger import EventStoreProtocol, PostgresEventStore
from observers.verification.ceremonies import ceremony_details, claimed_erasure, erases
from observers.verification.checks import check_event
from observers.verification.keyring import Keyring, TrustedKey
from observers.verification.partial_report import Erasures
from observers.verification.report import KnownErasure


def erasures_in(source: EventStoreProtocol, keys: Keyring) -> Erasures:
    """Returns a function that looks up a claimed erasure ceremony anywhere in the source and checks
    it."""

    def erased_by(subject: Event) -> KnownErasure | None:
        claimed = claimed_erasure(subject)
        place = claimed.ceremony_sequence if claimed else 0
        found = next(iter(source.get_events_by_sequence_range(place, place)), None)
        if found is None or any(check_event(found, keys)) or not erases(found, subject):
            return None
        matched = MATCHED not in ceremony_details(found)
        return KnownErasure(subject.sequence, place, payload_matched=matched)

    return erased_by


CHECKED = 4_096
"""Records whose verdict is kept, by their content and that of the keys they need."""


def sound_records(using: str, event_type: str, keys: Keyring) -> Iterator[Event]:
    """Returns the system's events of a type that pass every check of an event, the link to the
    previous event and the record of appends, in sequence order."""
    store = PostgresEventStore(using)
    records = list(store.system_events(event_type))
    if not records:
        return
    places = {place for each in records for place in (each.sequence - 1, each.sequence)}
    kept, head = hashes_at(using, places), store.head().max_sequence
    for each in records:
        if each.sequence <= head and _stands(each, kept) and passes(each, keys):
            yield each


def _stands(record: Event, kept: dict[int, Kept]) -> bool:
    """Checks 5 and 10 of a record, as far as they apply: its link, where the event before is
    there, and its append, where it was the last of one."""
    here, before = kept[record.sequence], kept[record.sequence - 1].event_hash
    linked = GENESIS_HASH if record.sequence == 1 else before
    return (
        here.event_hash == record.content_hash
        and here.append_hash in (None, record.content_hash)
        and linked in (None, record.prev_hash)
    )


def passes(record: Event, keys: Keyring) -> bool:
    """Tells whether an event passes every check that needs only the event and the keys."""
    return _passes(
        record,
        keys.agents.get(record.signing_key_id),
        keys.witnesses.get(record.witness_id),
        tuple(sorted(keys.people.items(), key=lambda each: each[0])),
    )


@lru_cache(maxsize=CHECKED)
def _passes(
    record: Event,
    key: TrustedKey | None,
    witness: TrustedKey | None,
    people: tuple[tuple[str, TrustedKey], ...],
) -> bool:
    """Caches the verdict by content: the same bytes and keys give the same answer."""
    agents = {record.signing_key_id: key} if key else {}
    witnesses = {record.witness_id: witness} if witness else {}
    return not any(check_event(record, Keyring(agents, witnesses, dict(people))))
