"""Keys, witnesses and the threshold: an operator's alone at set-up, a ceremony's afterwards."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from events.append.services import key_backend, signing_service
from events.ceremonies import complete_details
from events.errors import CeremonyRefusedError
from events.format import ed25519, key_events
from events.format.event import Event
from events.registrar import registrar
from events.store import registry
from events.store.drift import get_threshold
from events.tests.support.ceremonies import hold, three_people
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import Ledger


def change(ledger: Ledger, kind: str, **given: str) -> Event:
    details = complete_details(kind, given, using="default", backend=key_backend())
    return hold(ledger, kind, details)


ALONE: dict[str, Callable[[], object]] = {
    "rotate a key": lambda: registrar().rotate_key("agent-7"),
    "retire a key": lambda: registrar().retire_key(signing_service().active_key("agent-7")),
    "retire a witness": lambda: registrar().retire_witness("WITNESS:alpha"),
    "add a witness": lambda: registrar().create_witness("beta"),
    "set the threshold": lambda: registrar().set_threshold("9"),
}


@pytest.mark.parametrize("alone", ALONE.values(), ids=ALONE.keys())
def test_one_person_decides_alone_only_until_three_are_registered(
    ledger: Ledger, alone: Callable[[], object]
) -> None:
    three_people(ledger)
    with pytest.raises(CeremonyRefusedError, match="takes a ceremony"):
        alone()


def test_a_new_agent_stays_the_operators(ledger: Ledger) -> None:
    three_people(ledger)
    registrar().create_key("agent-9")
    ledger.write(1, agent_id="agent-9")


@pytest.mark.parametrize("agent", [None, "agent-7"])
def test_a_key_is_rotated_without_a_gap(ledger: Ledger, agent: str | None) -> None:
    """The system's own key too, which signs the record of its own end."""
    ledger.write(1, agent_id=agent)
    old = signing_service().active_key(agent)
    ceremony = change(ledger, "rotate_key", old_key=old)
    new = signing_service().active_key(agent)
    assert new != old
    (after,) = ledger.write(1, agent_id=agent)
    assert (after.signing_key_id, after.sequence) == (new, ceremony.sequence + 1)
    valid = "SELECT from_sequence, until_sequence FROM agent_keys WHERE key_id = %s"
    first = 1 if agent is None else 3  # behind the event that registers it
    assert ledger.query(valid, [old]) == [(first, ceremony.sequence)]
    assert ledger.query(valid, [new]) == [(after.sequence, None)]
    assert_intact(ledger, 6)


def test_a_witness_is_rotated(ledger: Ledger) -> None:
    ledger.write(1)
    ceremony = change(ledger, "rotate_key", old_key="WITNESS:alpha")
    (after,) = ledger.write(1)
    assert ceremony.witness_id == "WITNESS:alpha"
    assert after.witness_id.startswith("WITNESS:alpha-")
    assert_intact(ledger, 6)


def test_a_retired_agent_gets_a_key_again_only_by_ceremony(ledger: Ledger) -> None:
    old = signing_service().active_key("agent-7")
    change(ledger, "retire_key", old_key=old)
    with pytest.raises(CeremonyRefusedError, match="another key of an agent that had one"):
        registrar().create_key("agent-7")
    change(ledger, "rotate_key", old_key=old)
    ledger.write(1)
    assert_intact(ledger, 6)


def test_the_last_key_the_ledger_needs_is_not_retired(ledger: Ledger) -> None:
    registrar().create_witness("beta")
    change(ledger, "retire_key", old_key="WITNESS:alpha")
    assert ledger.write(1)[0].witness_id == "WITNESS:beta"
    for key in ("WITNESS:beta", signing_service().active_key(None), "nobody-1"):
        with pytest.raises(CeremonyRefusedError, match=r"^CT-13: "):
            change(ledger, "retire_key", old_key=key)


def test_the_threshold_changes_by_ceremony(ledger: Ledger) -> None:
    change(ledger, "drift_threshold", seconds="0.250")
    assert get_threshold("default") == get_threshold("owner")
    assert str(get_threshold("default")) == "0.250"


def test_the_owner_is_held_to_it_as_well(ledger: Ledger) -> None:
    three_people(ledger)
    for statement, refusal in {
        "UPDATE ledger_config SET drift_threshold_seconds = 9": "AP004",
        "UPDATE witnesses SET active_until = now(), until_sequence = from_sequence": "AP005",
        "UPDATE agent_keys SET active_until = now(), until_sequence = from_sequence": "AP005",
    }.items():
        with ledger.connect("portal_owner") as owner, pytest.raises(psycopg.Error) as refused:
            owner.execute(statement)
        assert refused.value.sqlstate == refusal


def test_a_key_that_nobody_here_holds_does_not_follow(ledger: Ledger) -> None:
    old, seed = signing_service().active_key(None), bytes(32)
    said = key_events.registration(
        "system", "system-elsewhere", ed25519.public_key(seed), replaces=old
    )
    proved = key_events.proved(said, registry.ledger_id("default"), ed25519.signer(seed))
    details = {
        "old_key": old,
        "new_key": "system-elsewhere",
        "new_public_key": proved["public_key"],
        "proof": proved["proof"],
    }
    with pytest.raises(CeremonyRefusedError, match="no private key named system-elsewhere"):
        hold(ledger, "rotate_key", details)
    key_backend().create("system-elsewhere")
    with pytest.raises(CeremonyRefusedError, match="private key system-elsewhere does not match"):
        hold(ledger, "rotate_key", details)
    ledger.write(1, agent_id=None)
