"""The head and the public keys over HTTP: what an outsider checks signatures and ends with."""

from __future__ import annotations

from events.format import ed25519
from events.registrar import registrar
from events.store.registry import ledger_id
from events.tests.support import api
from events.tests.support.ledger import Ledger


def test_the_head_of_an_empty_ledger(unopened: Ledger) -> None:
    assert api.observer().get("head").json() == {
        "max_sequence": 0,
        "content_hash": "0" * 64,
        "authority_timestamp": None,
        "event_count": 0,
        "ledger_id": ledger_id("default"),
        **api.RUNNING,
    }


def test_the_head_is_the_last_event(ledger: Ledger) -> None:
    last = ledger.write(3)[-1]
    assert api.observer().get("head").json() == {
        "max_sequence": 6,
        "content_hash": last.content_hash,
        "authority_timestamp": last.authority_timestamp,
        "event_count": 6,
        "ledger_id": ledger_id("default"),
        **api.RUNNING,
    }


def test_the_keys_verify_the_events(ledger: Ledger) -> None:
    (event,) = ledger.write(1)
    keys = api.observer().get("keys").json()
    assert keys["ledger_id"] == ledger_id("default")
    (key,) = [key for key in keys["agents"] if key["key_id"] == event.signing_key_id]
    assert key["agent_id"] == "agent-7"
    assert len(ed25519.decode(key["public_key"])) == 32
    (witness,) = keys["witnesses"]
    assert witness["witness_id"] == event.witness_id
    assert (key["sig_alg_version"], key["custody"]) == (1, "server")
    of_agents = {"key_id", "agent_id", "sig_alg_version", "custody"}
    assert set(key) - of_agents == set(witness) - {"witness_id"}


def test_validity_goes_by_sequence(ledger: Ledger) -> None:
    ledger.write(2)
    old, new = registrar().rotate_key("agent-7")
    ledger.write(1)
    registrar().replace_witness("WITNESS:alpha", "beta")
    keys = api.observer().get("keys").json()
    by_id = {key["key_id"]: key for key in keys["agents"]}
    assert (by_id[old]["from_sequence"], by_id[old]["until_sequence"]) == (3, 6)
    assert (by_id[new]["from_sequence"], by_id[new]["until_sequence"]) == (7, None)
    assert by_id[old]["active_until"].endswith("Z")
    assert by_id[new]["active_until"] is None
    assert keys["witnesses"][0]["until_sequence"] == 8


def test_the_system_key_has_no_agent(ledger: Ledger) -> None:
    agents = [key["agent_id"] for key in api.observer().get("keys").json()["agents"]]
    assert sorted(agents, key=str) == [None, "agent-7", "agent-8"]
