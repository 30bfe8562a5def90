"""Invariants of a ledger after any concurrency and any crash. The signatures are verified with the
registered keys."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from events.format import ed25519, event
from events.format.event import Event
from events.store import registry
from events.store.registry import AgentKeyRecord, WitnessRecord
from events.tests.support.ledger import OPENING, Ledger


def assert_intact(ledger: Ledger, count: int) -> list[Event]:
    """Checks the opening and exactly `count` events behind it, and returns the latter: numbered
    from 1, chained, signed and witnessed, authority times never falling."""
    last = OPENING + count
    events = list(ledger.store.get_events_by_sequence_range(1, 2**62))
    assert [e.sequence for e in events] == list(range(1, last + 1))
    for before, after in itertools.pairwise(events):
        assert before.authority_timestamp <= after.authority_timestamp
        assert after.prev_hash == before.content_hash
    keys = {key.key_id: key for key in registry.list_agent_keys("default")}
    witnesses = {w.witness_id: w for w in registry.list_witnesses("default")}
    for appended in events:
        _assert_signed(appended, keys, witnesses)
    head = ledger.store.head()
    assert (head.max_sequence, head.event_count) == (last, last)
    assert ledger.query("SELECT * FROM verify_chain()") == []
    assert ledger.store.verify_sequence_continuity() == (True, ())
    return events[OPENING:]


def _assert_signed(
    appended: Event,
    keys: Mapping[str, AgentKeyRecord],
    witnesses: Mapping[str, WitnessRecord],
) -> None:
    signable = appended.signable_content()
    signature = ed25519.decode(appended.signature)
    assert appended.content_hash == event.content_hash(signable)
    assert appended.payload_hash == event.payload_hash(
        bytes.fromhex(appended.payload_salt), appended.canonical_payload
    )
    key, witness = keys[appended.signing_key_id], witnesses[appended.witness_id]
    assert key.agent_id == appended.agent_id
    assert key.validity.covers(appended.sequence)
    assert witness.validity.covers(appended.sequence)
    ed25519.verify(ed25519.decode(key.public_key), event.agent_message(signable), signature)
    ed25519.verify(
        ed25519.decode(witness.public_key),
        event.witness_message(signature, signable),
        ed25519.decode(appended.witness_signature),
    )
