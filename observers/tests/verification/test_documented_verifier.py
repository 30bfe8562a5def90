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
from events.format import ed25519
from events.registrar import registrar
from events.tests.support.ceremonies import forge, hold
from events.tests.support.ledger import Ledger, submission
from observers.tests.verification.test_verify_ledger_command import save_export, save_keys


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


def outsider(verifier: Path, export: Path, keys: Path) -> tuple[int, str]:
    """Exit code and output of the program, which knows nothing of this project."""
    ran = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", verifier, export, keys],
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
    keys = save_keys(tmp_path / "keys.json")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    assert outsider(verifier, export, keys) == (0, "")
    export.write_text(export.read_text(encoding="utf-8").replace("\n", "\n\n"), encoding="utf-8")
    assert outsider(verifier, export, keys) == (0, "")  # blank lines say nothing


def test_the_documented_verifier_finds_tampering(
    ledger: Ledger, verifier: Path, tmp_path: Path
) -> None:
    ledger.write(6)
    ledger.tamper(
        """UPDATE events SET payload = '{"number": 7}' WHERE sequence = 5""",
        "UPDATE events SET event_type = 'test.never' WHERE sequence = 7",
        "DELETE FROM events WHERE sequence = 8",
    )
    keys = save_keys(tmp_path / "keys.json")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    assert outsider(verifier, export, keys) == (
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
    secret, _, other = ledger.write(3)
    details = {
        "sequence": secret.sequence,
        "event_id": secret.event_id,
        "payload_hash": secret.payload_hash,
    }
    held = hold(ledger, "erase_payload", details)
    keys = save_keys(tmp_path / "keys.json")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    assert outsider(verifier, export, keys) == (0, "sequence 4: the payload was erased\n")
    ledger.tamper(
        "UPDATE events SET payload = (SELECT payload FROM events WHERE sequence = 4),"
        f" payload_salt = repeat('0', 64) WHERE sequence = {other.sequence}"
    )
    payload = json.loads(held.payload)
    payload["proposal"]["reason"] = "another"
    forged = forge(ledger, payload, "ceremony.erase_payload")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    assert outsider(verifier, export, keys) == (
        1,
        f"sequence {forged.sequence}: ceremony\n"
        "sequence 4: the payload was erased\nsequence 6: payload_hash\n",
    )


ADDED = {
    "beside it": {"erased": {"ceremony_id": "", "ceremony_sequence": 0}, "note": "kept"},
    "within it": {"erased": {"ceremony_id": "", "ceremony_sequence": 0, "note": "kept"}},
}


@pytest.mark.parametrize("marker", ADDED.values(), ids=ADDED.keys())
def test_the_documented_verifier_takes_no_erasure_mark_that_says_more(
    ledger: Ledger, verifier: Path, tmp_path: Path, marker: dict[str, Any]
) -> None:
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
    ledger.tamper(f"UPDATE events SET payload = '{json.dumps(marker)}' WHERE sequence = 4")
    keys = save_keys(tmp_path / "keys.json")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    assert outsider(verifier, export, keys) == (1, "sequence 4: payload_hash\n")


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
    export, keys = tmp_path / "empty.jsonl", save_keys(tmp_path / "keys.json")
    export.write_text("")
    assert outsider(verifier, export, keys) == (1, "there is no event: nothing was verified\n")


def test_the_documented_verifier_refuses_a_key_that_is_named_twice(
    ledger: Ledger, verifier: Path, tmp_path: Path
) -> None:
    ledger.write(1)
    export, keys = save_export(ledger, tmp_path / "ledger.jsonl"), tmp_path / "keys.json"
    document = json.loads(save_keys(keys).read_text())
    document["agents"] += document["agents"][:1]
    keys.write_text(json.dumps(document))
    assert outsider(verifier, export, keys) == (
        1,
        "the keys file has one key_id, or one public key, twice\n",
    )


def test_the_documented_verifier_refuses_two_keys_of_one_agent_at_once(
    ledger: Ledger, verifier: Path, tmp_path: Path
) -> None:
    ledger.write(1)
    export, keys = save_export(ledger, tmp_path / "ledger.jsonl"), tmp_path / "keys.json"
    document = json.loads(save_keys(keys).read_text())
    key = next(key for key in document["agents"] if key["agent_id"] is not None)
    document["agents"].append(key | {"key_id": "another"})
    keys.write_text(json.dumps(document))
    assert outsider(verifier, export, keys) == (
        1,
        "the keys file has one key_id, or one public key, twice\n",
    )
    document["agents"][-1]["public_key"] = document["witnesses"][0]["public_key"]
    keys.write_text(json.dumps(document))
    assert outsider(verifier, export, keys) == (
        1,
        f"the keys file gives {key['agent_id']} two keys at sequence {key['from_sequence']}\n",
    )
