"""Rotation: old events keep verifying by their sequence, never by a timestamp, and no append is
refused for it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import pytest

from events.append.services import signing_service, writer
from events.errors import NoActiveKeyError
from events.format import ed25519, event
from events.format.event import Event
from events.registrar import registrar
from events.store import registry
from events.store.append import Opening, PipelinedAppend
from events.tests.support.ledger import OPENING, Ledger, submission
from events.tests.support.race import together


def verified_by_place(events: Iterable[Event]) -> list[str]:
    """The keys that signed, each proved to be registered for its agent at the event's place."""
    keys = {key.key_id: key for key in registry.list_agent_keys("default")}
    used = []
    for appended in events:
        key = keys[appended.signing_key_id]
        assert key.agent_id == appended.agent_id
        assert key.validity.covers(appended.sequence)
        message = event.agent_message(appended.signable_content())
        ed25519.verify(ed25519.decode(key.public_key), message, ed25519.decode(appended.signature))
        used.append(key.key_id)
    return used


def events_of_agent_7(ledger: Ledger) -> list[Event]:
    return [event for event in ledger.written() if event.agent_id == "agent-7"]


def test_old_events_keep_verifying(ledger: Ledger) -> None:
    first = signing_service().active_key("agent-7")
    ledger.write(2)
    old, new = registrar().rotate_key("agent-7")
    assert old == first != new
    ledger.write(2)
    assert verified_by_place(events_of_agent_7(ledger)) == [old, old, new, new]


def test_keys_follow_one_another_without_overlap(ledger: Ledger) -> None:
    for _ in range(3):
        ledger.write(2)
        registrar().rotate_key("agent-7")
    keys = [k for k in registry.list_agent_keys("default") if k.agent_id == "agent-7"]
    spans = [(k.validity.from_sequence, k.validity.until_sequence) for k in keys]
    assert spans == [(3, 6), (7, 9), (10, 12), (13, None)]
    for old, new in itertools.pairwise(keys):
        assert old.validity.active_until is not None
        assert old.validity.active_until <= new.validity.active_from


def test_a_key_that_never_signed_covers_its_own_retirement(ledger: Ledger) -> None:
    ledger.write(1)
    _, unused = registrar().rotate_key("agent-7")
    registrar().rotate_key("agent-7")
    (key,) = [k for k in registry.list_agent_keys("default") if k.key_id == unused]
    assert (key.validity.from_sequence, key.validity.until_sequence) == (6, 6)
    assert [n for n in range(9) if key.validity.covers(n)] == [6]  # the event that replaced it


def test_a_retired_key_cannot_sign(ledger: Ledger) -> None:
    ledger.write(1)
    registrar().retire_key(signing_service().active_key("agent-7"))
    with pytest.raises(NoActiveKeyError, match="has no active signing key"):
        ledger.write(1)
    registrar().create_key("agent-7")
    ledger.write(1)
    assert len(set(verified_by_place(events_of_agent_7(ledger)))) == 2


def test_an_agent_without_key_cannot_rotate(ledger: Ledger) -> None:
    with pytest.raises(NoActiveKeyError, match="has no active signing key"):
        registrar().rotate_key("stranger")


def test_a_rotation_that_fails_leaves_the_old_key(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = signing_service().active_key("agent-7")

    def fail(*_: object) -> int:
        raise RuntimeError("injected before the database carries it out")

    monkeypatch.setattr("events.registrar.settle", fail)
    with pytest.raises(RuntimeError, match="injected"):
        registrar().rotate_key("agent-7")
    monkeypatch.undo()
    assert signing_service().active_key("agent-7") == old
    assert ledger.write(1)[0].signing_key_id == old


def test_appends_that_race_a_rotation_use_the_old_key_or_the_new(ledger: Ledger) -> None:
    rounds, writers = 12, 3
    for _ in range(rounds):
        together(
            [lambda: registrar().rotate_key("agent-7") and None]
            + [lambda: ledger.write(2) and None] * writers
        )
    events = events_of_agent_7(ledger)
    assert len(events) == rounds * writers * 2
    used = verified_by_place(events)
    keys = [k.key_id for k in registry.list_agent_keys("default") if k.agent_id == "agent-7"]
    assert used == sorted(used, key=keys.index)  # never the old one after the new
    assert ledger.query("SELECT * FROM verify_chain()") == []


def before_opening(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Act before each attempt of an append takes the lock."""
    opening = PipelinedAppend.open

    def act_then_open(append: PipelinedAppend, before: Callable[[], None] | None) -> Opening:
        act()
        return opening(append, before)

    monkeypatch.setattr(PipelinedAppend, "open", act_then_open)


def test_a_key_retired_between_the_look_and_the_lock_is_looked_up_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race, made certain: the rotation comes right between the lookup and the lock."""
    service = writer()
    rotated: list[tuple[str, str]] = []

    def look_then_rotate() -> None:
        if len(rotated) < 2:
            service.signing.signers(["agent-7"])
            rotated.append(registrar().rotate_key("agent-7"))

    before_opening(monkeypatch, look_then_rotate)
    appended = service.write_event(submission()).event
    assert appended.sequence == OPENING + 3  # behind both rotations
    assert len(rotated) == 2
    assert appended.signing_key_id == rotated[-1][1]


def test_a_witness_retired_between_the_look_and_the_lock_is_looked_up_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = writer()
    replaced: list[str] = []

    def look_then_replace() -> None:
        if not replaced:
            service.witnessing.attestor()
            replaced.append(registrar().create_witness("beta"))
            registrar().retire_witness("WITNESS:alpha")

    before_opening(monkeypatch, look_then_replace)
    assert service.write_event(submission()).event.witness_id == "WITNESS:beta"
