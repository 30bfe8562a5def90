"""Compares everything in the ledger with its model, table by table, read-only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from events.format.event import Event
from events.store import registry
from events.store.ceremonies import unwritten_records
from events.store.drift import DriftFilter, get_threshold, list_warnings
from events.store.ledger import EventFilter
from events.store.registry import Validity
from events.tests.support.ledger import Ledger
from observers.continuity import check_continuity
from observers.tests.state_machine.model import Model, Span
from observers.verification.ledger import verify_ledger

ALL = 2**62


def stored_events(ledger: Ledger) -> list[Event]:
    """Every event, payloads in canonical form."""
    return [
        replace(event, payload=event.canonical_payload.decode())
        for event in ledger.store.get_events_by_sequence_range(1, ALL)
    ]


def assert_alike(ledger: Ledger, model: Model) -> None:
    """The ledger holds what the model says, and nothing else."""
    expected = [
        replace(event, payload=event.canonical_payload.decode())
        for _, event in sorted(model.events.items())
    ]
    assert stored_events(ledger) == expected
    head = ledger.store.head()
    assert (head.max_sequence, head.content_hash, head.event_count) == (
        model.head,
        model.head_hash,
        model.count,
    )
    _assert_gaps(ledger, model)
    _assert_drift(ledger, model)
    _assert_registry(model)
    assert ledger.store.halt() == model.halt
    assert [record["event_type"] for record in unwritten_records("default")] == [
        "system.halted" for _ in model.unwritten
    ]


def assert_sound(model: Model) -> None:
    """Every check of a verification passes, and what is missing or erased is explained."""
    report = verify_ledger("default")
    assert report.is_sound, report.findings
    assert report.checked == len(model.events)
    assert [(known.gap, known.ceremony_sequence) for known in report.documented_gaps] == model.gaps
    erased = [n for n, event in model.events.items() if event.payload_salt == "0" * 64]
    assert sorted(known.sequence for known in report.erased) == sorted(erased)


def _assert_gaps(ledger: Ledger, model: Model) -> None:
    missing = tuple(gap.as_range() for gap, _ in model.gaps)
    assert ledger.store.verify_sequence_continuity() == (not missing, missing)
    found = check_continuity("default")
    assert [(known.gap, known.ceremony_sequence) for known in found.listed] == model.gaps
    assert found.missing_count == sum(gap.count for gap, _ in model.gaps)


def _assert_drift(ledger: Ledger, model: Model) -> None:
    assert get_threshold("default") == model.threshold
    warnings = list_warnings("default", DriftFilter(), limit=10_000)
    assert [warning.event_id for warning in warnings] == model.warned
    for warning in warnings:
        event = model.find(warning.event_id)
        assert event is not None
        assert warning.drift_seconds == event.drift.seconds
    drifted = ledger.store.select_warned(EventFilter(drifted=True), limit=10_000)
    assert sorted(event.event_id for event in drifted) == sorted(model.warned)


def _assert_registry(model: Model) -> None:
    keys = {key.key_id: key.validity for key in registry.list_agent_keys("default")}
    witnesses = {each.witness_id: each.validity for each in registry.list_witnesses("default")}
    assert _spans(keys) == {name: (span.first, span.last) for name, span in model.keys.items()}
    assert _spans(witnesses) == {
        name: (span.first, span.last) for name, span in model.witnesses.items()
    }
    for agent in (None, "agent-7", "agent-8"):
        active = registry.active_keys("default", [agent])
        assert bool(active) == model.has_key(agent)


def _spans(known: Mapping[str, Validity]) -> dict[str, tuple[int, int | None]]:
    return {name: (v.from_sequence, v.until_sequence) for name, v in known.items()}


def first_model(ledger: Ledger) -> Model:
    """The model of a ledger that holds its opening and its people alone."""
    keys, witnesses = registry.list_agent_keys("default"), registry.list_witnesses("default")
    model = Model(
        {key.key_id: Span(key.agent_id, key.validity.from_sequence) for key in keys},
        {each.witness_id: Span(None, each.validity.from_sequence) for each in witnesses},
    )
    model.append(stored_events(ledger))
    return model
