"""Public keys that nobody can honestly sign with are refused wherever one enters, and verify
nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from events import ceremonies
from events.append.services import owner_writer
from events.errors import CeremonyRefusedError, KeyRegistryError
from events.format import ed25519
from events.format.ed25519 import SignatureError
from events.format.key_events import registration
from events.people import register_first
from events.registrar import registrar
from events.tests.support.ledger import Ledger

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "ed25519.json").read_text(encoding="utf-8")
)
UNUSABLE = [bytes.fromhex(key["public_key_hex"]) for key in VECTORS["keys"] if not key["usable"]]


def test_a_usable_key_is_the_canonical_encoding_of_a_point_of_prime_order() -> None:
    for key in VECTORS["keys"]:
        raw = bytes.fromhex(key["public_key_hex"])
        assert ed25519.is_usable_key(raw) == key["usable"], key["name"]


def test_signatures_verify_as_the_vectors_say() -> None:
    for vector in VECTORS["signatures"]:
        key, message, signature = (
            bytes.fromhex(vector[f"{name}_hex"]) for name in ("public_key", "message", "signature")
        )
        if vector["verifies"]:
            ed25519.verify(key, message, signature)
        else:
            with pytest.raises(SignatureError):
                ed25519.verify(key, message, signature)


def test_no_unusable_key_enters_the_registry(ledger: Ledger) -> None:
    for raw in UNUSABLE:
        text = ed25519.encode(raw)
        with pytest.raises(KeyRegistryError, match="not a usable Ed25519 public key"):
            registrar().register(registration("agent", "k", text, owner="agent-9"))
        with pytest.raises(KeyRegistryError, match="not a usable Ed25519 public key"):
            registrar().register(registration("witness", "WITNESS:k", text))
        with pytest.raises(CeremonyRefusedError, match="not a usable Ed25519 public key"):
            register_first(owner_writer(), "Ada", text)


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("add_person", {"person": "Dana", "public_key": "", "proof": ""}),
        ("rotate_key", {"old_key": "k", "new_key": "l", "new_public_key": "", "proof": ""}),
    ],
)
def test_no_unusable_key_is_proposed(kind: str, details: dict[str, str]) -> None:
    name = "public_key" if kind == "add_person" else "new_public_key"
    for raw in UNUSABLE:
        with pytest.raises(CeremonyRefusedError, match="not a usable Ed25519 public key"):
            ceremonies.draft(kind, "a test", details | {name: ed25519.encode(raw)})
    with pytest.raises(CeremonyRefusedError, match="not standard base64"):
        ceremonies.draft(kind, "a test", details | {name: "no key"})
