"""The keys of an export come from its own events: the command and the documented verifier follow
them alike, and take nothing on trust but the fingerprint of the first key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from events.append.services import writer
from events.format import ed25519, key_events
from events.format.canonical import canonicalize
from events.registrar import registrar
from events.store import registry
from events.submission import Submission
from events.tests.support.ceremonies import guard_off, register
from events.tests.support.ledger import OPENING, Ledger
from observers.tests.support.commands import findings, run
from observers.tests.verification.test_documented_verifier import (
    genesis,
    outsider,
    verifier,
)
from observers.tests.verification.test_verify_ledger_command import save_export
from observers.verification.keyring import public_keys

__all__ = ["verifier"]


def test_keys_that_were_rotated_and_retired_are_recomputed(
    ledger: Ledger, verifier: Path, tmp_path: Path
) -> None:
    ledger.write(1)
    registrar().rotate_key("agent-7")
    registrar().rotate_key(None)
    registrar().replace_witness("WITNESS:alpha", "beta")
    ledger.write(1)
    registrar().retire_key(registry.active_keys("default", ["agent-8"])["agent-8"])
    register()
    registrar().create_key("agent-9")
    ledger.write(1, agent_id="agent-9")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    assert findings("--export", str(export), "--genesis", genesis().upper()) == []
    assert outsider(verifier, export, genesis()) == (0, "")
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(public_keys("default")))
    assert findings("--export", str(export), "--keys", str(keys)) == []


def test_without_a_fingerprint_it_prints_the_one_to_compare(ledger: Ledger, tmp_path: Path) -> None:
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    ran = run("verify_ledger", "--export", str(export))
    assert ran.code == 0
    assert f"the fingerprint of the ledger's first key is {genesis()}: compare it" in ran.text
    assert "note" not in run("verify_ledger", "--export", str(export), "--genesis", genesis()).text
    assert findings("--export", str(export), "--genesis", "0" * 64) == [(1, "key_history")]
    assert run("verify_ledger", "--genesis", genesis()).code == 2


def test_a_part_of_a_ledger_needs_a_list_of_keys(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write(2)
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    export.write_bytes(b"".join(export.read_bytes().splitlines(keepends=True)[OPENING:]))
    ran = run("verify_ledger", "--export", str(export), "--start", str(OPENING + 1))
    assert ran.code == 2
    assert "its keys cannot be recomputed: give them with --keys" in ran.text


def registration(owner: str | None, seed: int = 1, **changes: Any) -> dict[str, Any]:
    """Returns the registration of a new key, proved for this ledger and then changed."""
    private = bytes([seed]) * 32
    said = key_events.registration(
        key_events.AGENT, f"forged-{seed}", ed25519.public_key(private), owner=owner
    )
    proved = key_events.proved(said, registry.ledger_id("default"), ed25519.signer(private))
    return proved | changes


def retirement() -> dict[str, Any]:
    return {"id": registry.active_keys("default", ["agent-7"])["agent-7"]}


FORGED: dict[str, tuple[str, Callable[[], Any]]] = {
    "a key without proof": (
        key_events.REGISTERED,
        lambda: registration("agent-9", proof=ed25519.encode(bytes(64))),
    ),
    "a second key beside another": (key_events.REGISTERED, lambda: registration("agent-7")),
    "an agent's key for the system": (key_events.REGISTERED, lambda: registration(None)),
    "a retirement after three people": (key_events.RETIRED, retirement),
    "no registration at all": (key_events.REGISTERED, lambda: ["text"]),
}


@pytest.mark.parametrize(("event_type", "payload"), FORGED.values(), ids=FORGED.keys())
def test_what_the_system_may_not_decide_changes_no_key(
    ledger: Ledger, verifier: Path, tmp_path: Path, event_type: str, payload: Callable[[], Any]
) -> None:
    """The system's own key has signed it, and the database let it pass."""
    register()
    with guard_off(ledger, "events", "carry_out_system_event_at_commit"):
        forged = Submission(event_type, canonicalize(payload()), agent_id=None)
        place = writer().write_event(forged).event.sequence
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    assert findings("--export", str(export), "--genesis", genesis()) == [(place, "key_history")]
    assert outsider(verifier, export, genesis()) == (1, f"sequence {place}: key_history\n")


WRONG_LISTS: dict[str, tuple[Callable[[dict[str, Any]], object], int]] = {
    "another ledger": (lambda keys: keys.update(ledger_id="another"), 1),
    "a key that no event registers": (
        lambda keys: keys["agents"].append(
            keys["agents"][0]
            | {
                "key_id": "inserted",
                "agent_id": "agent-9",
                "public_key": ed25519.encode(ed25519.public_key(bytes(32))),
                "from_sequence": 3,
            }
        ),
        2,
    ),
    "a key that is valid earlier": (lambda keys: keys["witnesses"][0].update(from_sequence=0), 1),
    "a key of another version": (lambda keys: keys["agents"][0].update(sig_alg_version=2), 1),
    "a key that was retired": (lambda keys: keys["witnesses"][0].update(until_sequence=4), 1),
}


@pytest.mark.parametrize(("change", "place"), WRONG_LISTS.values(), ids=WRONG_LISTS.keys())
def test_a_list_that_says_something_else_than_the_events_is_found(
    ledger: Ledger, tmp_path: Path, change: Callable[[dict[str, Any]], object], place: int
) -> None:
    ledger.write(1)
    export, keys = save_export(ledger, tmp_path / "ledger.jsonl"), tmp_path / "keys.json"
    document = public_keys("default")
    change(document)
    keys.write_text(json.dumps(document))
    assert (place, "key_history") in findings("--export", str(export), "--keys", str(keys))
