"""The verifier that `docs/event-format.md` prints is run as it stands, as an outsider would."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

import events.tests
from events.append.services import writer
from events.format import ed25519, key_events
from events.registrar import registrar
from events.store import registry
from events.tests.support.ceremonies import forge, hold, register
from events.tests.support.ledger import Ledger, submission
from observers.tests.support.vector_events import LEDGER_ID
from observers.tests.verification.test_verify_ledger_command import save_export


def documented_program() -> str:
    """The page's Python block."""
    page = (settings.BASE_DIR / "docs" / "event-format.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    return str(program)


@pytest.fixture
def verifier(tmp_path: Path) -> Path:
    """The page's Python block as a program."""
    path = tmp_path / "verifier.py"
    path.write_text(documented_program(), encoding="utf-8")
    return path


def genesis() -> str:
    """The fingerprint of the ledger's first key."""
    (first,) = (
        key
        for key in registry.list_agent_keys("default")
        if (key.agent_id, key.validity.from_sequence) == (None, 1)
    )
    return key_events.fingerprint(first.public_key)


def outsider(verifier: Path, export: Path, *fingerprint: str) -> tuple[int, str]:
    """Exit code and output of the program, which knows nothing of this project."""
    ran = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", verifier, export, *fingerprint],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return ran.returncode, ran.stdout + ran.stderr


ED25519 = Path(events.tests.__file__).parent / "vectors" / "ed25519.json"

PAYLOADS = [
    {"big": -(2**63), "huge": 2**64 - 1, "e21": 1e21, "minus": -1e19, "tiny": 1e-7, "zero": -0.0},
    {"😀": 1, "דּ": 2, "text": 'Prüfung "q" \\ \x0f\n'},
    [None, True, [], {}],
    "text",
]


def test_the_documented_verifier_agrees_with_the_ledger(
    ledger: Ledger, verifier: Path, tmp_path: Path
) -> None:
    for payload in PAYLOADS:
        writer().write_event(submission(payload))
    registrar().rotate_key("agent-7")
    ledger.write(2)
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    assert outsider(verifier, export, genesis()) == (0, "")
    export.write_text(export.read_text(encoding="utf-8").replace("\n", "\n\n"), encoding="utf-8")
    assert outsider(verifier, export, genesis()) == (0, "")  # blank lines say nothing


def test_the_documented_verifier_finds_tampering(
    ledger: Ledger, verifier: Path, tmp_path: Path
) -> None:
    ledger.write(6)
    ledger.tamper(
        """UPDATE events SET payload = '{"number": 7}' WHERE sequence = 5""",
        "UPDATE events SET event_type = 'test.never' WHERE sequence = 7",
        "DELETE FROM events WHERE sequence = 8",
    )
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    assert outsider(verifier, export, genesis()) == (
        1,
        "sequence 5: payload_hash\n"
        "sequence 7: content_hash\n"
        "sequence 7: signature\n"
        "sequence 7: witness_signature\n"
        "sequence 9: gap\n",
    )


def test_the_documented_verifier_knows_ceremonies_and_what_they_erased(
    ledger: Ledger, verifier: Path, tmp_path: Path
) -> None:
    register()
    secret, _, other = ledger.write(3)
    details = {
        "sequence": secret.sequence,
        "event_id": secret.event_id,
        "payload_hash": secret.payload_hash,
    }
    held = hold(ledger, "erase_payload", details)
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    assert outsider(verifier, export, genesis()) == (0, "sequence 7: the payload was erased\n")
    ledger.tamper(
        "UPDATE events SET payload = (SELECT payload FROM events WHERE sequence = 7),"
        f" payload_salt = repeat('0', 64) WHERE sequence = {other.sequence}"
    )
    payload = json.loads(held.payload)
    payload["proposal"]["reason"] = "another"
    forged = forge(ledger, payload, "ceremony.erase_payload")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    assert outsider(verifier, export, genesis()) == (
        1,
        f"sequence {forged.sequence}: ceremony\n"
        "sequence 7: the payload was erased\nsequence 9: payload_hash\n",
    )


ADDED = {
    "beside it": {"erased": {"ceremony_id": "", "ceremony_sequence": 0}, "note": "kept"},
    "within it": {"erased": {"ceremony_id": "", "ceremony_sequence": 0, "note": "kept"}},
}


@pytest.mark.parametrize("marker", ADDED.values(), ids=ADDED.keys())
def test_the_documented_verifier_takes_no_erasure_mark_that_says_more(
    ledger: Ledger, verifier: Path, tmp_path: Path, marker: dict[str, Any]
) -> None:
    register()
    (secret,) = ledger.write(1)
    details = {
        "sequence": secret.sequence,
        "event_id": secret.event_id,
        "payload_hash": secret.payload_hash,
    }
    held = hold(ledger, "erase_payload", details)
    marker["erased"] |= {
        "ceremony_id": json.loads(held.payload)["ceremony_id"],
        "ceremony_sequence": held.sequence,
    }
    ledger.tamper(f"UPDATE events SET payload = '{json.dumps(marker)}' WHERE sequence = 7")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    assert outsider(verifier, export, genesis()) == (1, "sequence 7: payload_hash\n")


def test_the_documented_verifier_takes_the_keys_and_signatures_that_the_ledger_takes() -> None:
    program: dict[str, Any] = {"__name__": "verifier"}
    exec(documented_program(), program)  # noqa: S102 - the page's own program
    vectors = json.loads(ED25519.read_text(encoding="utf-8"))
    for key in vectors["keys"]:
        text = ed25519.encode(bytes.fromhex(key["public_key_hex"]))
        assert program["usable"](text) == key["usable"], key["name"]
    for vector in vectors["signatures"]:
        public_key, message, signature = (
            bytes.fromhex(vector[f"{name}_hex"]) for name in ("public_key", "message", "signature")
        )
        key = {
            "owner": None,
            "public_key": ed25519.encode(public_key),
            "from_sequence": 1,
            "until_sequence": None,
        }
        if len(signature) == ed25519.SIGNATURE_BYTES:  # by check 2
            found = program["signed_by"]({"k": key}, "k", None, 1, message, signature)
            assert found == vector["verifies"], vector["name"]


def test_the_documented_verifier_says_nothing_of_nothing(
    ledger: Ledger, verifier: Path, tmp_path: Path
) -> None:
    export = tmp_path / "empty.jsonl"
    export.write_text("")
    assert outsider(verifier, export, genesis()) == (1, "there is no event: nothing was verified\n")


def test_the_documented_verifier_prints_the_fingerprint_that_it_was_not_given(
    ledger: Ledger, verifier: Path, tmp_path: Path
) -> None:
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    said = "compare the fingerprint of the first key with one from elsewhere: "
    assert outsider(verifier, export) == (0, f"{said}{genesis()}\n")
    code, told = outsider(verifier, export, "0" * 64)
    assert (code, told) == (
        1,
        f"sequence 1: key_history: the fingerprint of the first key is {genesis()}\n",
    )


def test_the_documented_verifier_takes_no_ledger_without_its_opening(
    ledger: Ledger, verifier: Path, tmp_path: Path
) -> None:
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    export.write_bytes(b"".join(export.read_bytes().splitlines(keepends=True)[1:]))
    code, told = outsider(verifier, export, genesis())
    assert code == 1
    assert told.startswith("no first event opens the ledger: key_history\nsequence 2: gap\n")


def follow(program: dict[str, Any], known: Any, said: dict[str, Any], at: int) -> bool:
    """Tells whether the program takes a registration at a place."""
    event = {
        "event_type": key_events.REGISTERED,
        "agent_id": None,
        "payload": said,
        "sequence": at,
    }
    try:
        known.follow(event, True)
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    return True


def test_the_documented_verifier_refuses_a_key_that_is_named_twice_and_two_keys_at_once() -> None:
    program: dict[str, Any] = {"__name__": "verifier"}
    exec(documented_program(), program)  # noqa: S102 - the page's own program
    known = program["Known"]()
    known.ledger_id = LEDGER_ID
    first = registered("first", 1)
    assert follow(program, known, first, 4)
    again = {
        "the name": registered("first", 2, owner="agent-9"),
        "the public key": registered("second", 1, owner="agent-9"),
        "another key of the agent": registered("second", 2),
        "another ledger": registered("second", 2, owner="agent-9", ledger_id="another"),
        "no proof": registered("second", 2, owner="agent-9") | {"proof": first["proof"]},
        "another member": registered("second", 2, owner="agent-9") | {"note": ""},
        "an agent without a name": registered("second", 2, owner=None),
    }
    for why, said in again.items():
        assert not follow(program, known, said, 5), why
    assert follow(program, known, registered("second", 2, replaces="first"), 6)
    assert [key["until_sequence"] for key in known.keys.values()] == [6, None]


def registered(
    key_id: str,
    seed: int,
    *,
    owner: str | None = "agent-7",
    replaces: str | None = None,
    ledger_id: str = LEDGER_ID,
) -> dict[str, Any]:
    """Returns the registration of an agent's key with its proof."""
    private = bytes([seed]) * 32
    said = key_events.registration(
        key_events.AGENT, key_id, ed25519.public_key(private), owner=owner, replaces=replaces
    )
    return key_events.proved(said, ledger_id, ed25519.signer(private))
