"""Makes events of the published vectors with one member replaced, signed again so that nothing else
is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import events.tests
from events.format import ed25519, event
from events.format.canonical import canonicalize
from events.format.event import FIELDS
from observers.verification.keyring import Keyring, keyring_from_json

VECTOR_FOLDER = Path(events.tests.__file__).parent / "vectors"
_PUBLISHED = json.loads((VECTOR_FOLDER / "event-v1.json").read_text(encoding="utf-8"))
AGENT = bytes.fromhex(_PUBLISHED["agent_key"]["private_key_hex"])
WITNESS = bytes.fromhex(_PUBLISHED["witness_key"]["private_key_hex"])

FORMS: list[dict[str, Any]] = json.loads(
    (VECTOR_FOLDER / "forms-v1.json").read_text(encoding="utf-8")
)
"""Accepted and refused values of members: `member`, `value`, `good`, and `why`."""

SIGNED = frozenset(FIELDS) - {
    "payload",
    "payload_salt",
    "content_hash",
    "signature",
    "witness_signature",
}
LEDGER_ID = "7b0f2f5e-6f1b-4c58-9a56-0b1a3a0c2d11"
COMPUTED = frozenset({"payload_hash", "content_hash", "signature", "witness_signature"})
"""Members that cannot be replaced without making another check fail."""


def published() -> dict[str, Any]:
    """The first published event."""
    return dict(_PUBLISHED["events"][0]["event"])


def signed_event(**changes: Any) -> dict[str, Any]:
    """The first published event with members replaced, and hashed and signed over what it then
    says, as far as that can be done; what is replaced stays."""
    fields = published() | changes
    try:
        salt = bytes.fromhex(fields["payload_salt"])
        fields["payload_hash"] = event.payload_hash(salt, canonicalize(fields["payload"]))
        fields |= changes
        signable = event.signable_content(**{name: fields[name] for name in SIGNED})
        signed = event.signed_message(signable, fields["sig_alg_version"], LEDGER_ID)
        signature = ed25519.sign(AGENT, signed)
        attestation = ed25519.sign(WITNESS, event.witness_message(signature, signable))
    except (TypeError, ValueError):
        return fields
    fields["content_hash"] = event.content_hash(signable)
    fields["signature"] = ed25519.encode(signature)
    fields["witness_signature"] = ed25519.encode(attestation)
    return fields | changes


def keys_for(fields: dict[str, Any]) -> dict[str, Any]:
    """The two published keys under the names that the event says, as `GET /api/v1/keys` does."""
    names = {
        name: fields[name] if isinstance(fields[name], kind) else published()[name]
        for name, kind in (("signing_key_id", str), ("agent_id", str | None), ("witness_id", str))
    }
    validity = {
        "active_from": "2026-01-01T00:00:00.000000Z",
        "active_until": None,
        "from_sequence": 1,
        "until_sequence": None,
    }
    version = fields["sig_alg_version"]
    return {
        "ledger_id": LEDGER_ID,
        "agents": [
            {
                "key_id": names["signing_key_id"],
                "sig_alg_version": version if type(version) is int else 1,
                "agent_id": names["agent_id"],
                "public_key": ed25519.encode(ed25519.public_key(AGENT)),
                **validity,
            }
        ],
        "witnesses": [
            {
                "witness_id": names["witness_id"],
                "public_key": ed25519.encode(ed25519.public_key(WITNESS)),
                **validity,
            }
        ],
        "people": [],
    }


def keyring_for(fields: dict[str, Any]) -> Keyring:
    """The same as a keyring."""
    return keyring_from_json(keys_for(fields))
