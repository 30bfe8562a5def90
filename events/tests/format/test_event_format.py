"""Event format 1, to the byte, against the project's published vectors."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nacl.signing
import pytest

from events.format import ed25519, event
from events.format.canonical import canonicalize, canonicalize_text
from events.format.event import FIELDS, Event, event_json

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "event-v1.json").read_text(encoding="utf-8")
)
CASES = VECTORS["events"]
AGENT_SEED = bytes.fromhex(VECTORS["agent_key"]["private_key_hex"])
WITNESS_SEED = bytes.fromhex(VECTORS["witness_key"]["private_key_hex"])

each_case = pytest.mark.parametrize("case", CASES, ids=[c["event"]["event_type"] for c in CASES])


def as_event(case: dict[str, Any]) -> Event:
    return Event(**{**case["event"], "payload": case["canonical_payload"]})


@each_case
def test_payload_is_canonical(case: dict[str, Any]) -> None:
    expected = case["canonical_payload"].encode()
    assert canonicalize(case["event"]["payload"]) == expected
    assert canonicalize_text(json.dumps(case["event"]["payload"])) == expected
    assert as_event(case).canonical_payload == expected


@each_case
def test_payload_hash_is_salted(case: dict[str, Any]) -> None:
    fields = case["event"]
    salt = bytes.fromhex(fields["payload_salt"])
    assert len(salt) == event.SALT_BYTES
    payload = case["canonical_payload"].encode()
    assert event.payload_hash(salt, payload) == fields["payload_hash"]
    assert hashlib.sha256(salt + payload).hexdigest() == fields["payload_hash"]


@each_case
def test_signable_content(case: dict[str, Any]) -> None:
    assert as_event(case).signable_content() == case["signable_content"].encode()


@each_case
def test_content_hash_is_the_merkle_leaf(case: dict[str, Any]) -> None:
    signable = case["signable_content"].encode()
    assert event.content_hash(signable) == case["event"]["content_hash"]
    assert hashlib.sha256(b"\0" + signable).hexdigest() == case["event"]["content_hash"]


@each_case
def test_agent_signature_is_reproduced_and_verifies(case: dict[str, Any]) -> None:
    message = b"audit-portal event v1\n" + case["signable_content"].encode()
    signature = base64.b64decode(case["event"]["signature"])
    assert event.agent_message(case["signable_content"].encode()) == message
    assert ed25519.sign(AGENT_SEED, message) == signature
    ed25519.verify(bytes.fromhex(VECTORS["agent_key"]["public_key_hex"]), message, signature)


@each_case
def test_witness_signature_is_reproduced_and_verifies(case: dict[str, Any]) -> None:
    signature = base64.b64decode(case["event"]["signature"])
    signable = case["signable_content"].encode()
    message = b"audit-portal witness v1\n" + signature + signable
    attestation = base64.b64decode(case["event"]["witness_signature"])
    assert event.witness_message(signature, signable) == message
    assert ed25519.sign(WITNESS_SEED, message) == attestation
    ed25519.verify(bytes.fromhex(VECTORS["witness_key"]["public_key_hex"]), message, attestation)


def test_events_of_the_vectors_are_chained() -> None:
    hashes = [event.GENESIS_HASH, *(case["event"]["content_hash"] for case in CASES)]
    assert [case["event"]["prev_hash"] for case in CASES] == hashes[:-1]


@pytest.mark.parametrize("name", ["agent_key", "witness_key"])
def test_public_keys_belong_to_their_private_keys(name: str) -> None:
    seed = bytes.fromhex(VECTORS[name]["private_key_hex"])
    assert ed25519.public_key(seed).hex() == VECTORS[name]["public_key_hex"]
    assert bytes(nacl.signing.SigningKey(seed).verify_key) == ed25519.public_key(seed)


SIGNED: dict[str, Any] = {
    "agent_id": "agent-8",
    "authority_timestamp": "2026-01-06T12:00:00.250001Z",
    "event_id": "0191d7a0-0000-7000-8000-00000000000f",
    "event_type": "vote.casT",
    "hash_alg_version": 2,
    "local_timestamp": "2026-01-06T12:00:00.000001Z",
    "payload_hash": "0" * 64,
    "prev_hash": "1" * 64,
    "sequence": 2,
    "sig_alg_version": 2,
    "signing_key_id": "dev-000103",
    "witness_id": "WITNESS:beta",
}


@pytest.mark.parametrize("field", SIGNED)
def test_every_evidence_field_is_under_the_signature(field: str) -> None:
    first = as_event(CASES[0])
    changed = replace(first, **{field: SIGNED[field]})
    message = event.agent_message(changed.signable_content())
    with pytest.raises(ed25519.SignatureError):
        ed25519.verify(ed25519.public_key(AGENT_SEED), message, ed25519.decode(first.signature))


def test_the_signed_fields_are_all_but_the_results_and_the_payload() -> None:
    results = {"content_hash", "signature", "witness_signature"}
    assert set(SIGNED) == set(FIELDS) - results - {"payload", "payload_salt"}


@each_case
def test_an_event_in_json_keeps_every_field(case: dict[str, Any]) -> None:
    text = event_json(as_event(case))
    assert case["canonical_payload"].encode() in text
    assert json.loads(text) == {**case["event"], "payload": json.loads(case["canonical_payload"])}
    assert tuple(json.loads(text)) == FIELDS


SIGNATURE = CASES[0]["event"]["signature"]
BAD_BASE64 = {
    "not base64": "*" * 88,
    "line break inside": SIGNATURE[:44] + "\n" + SIGNATURE[44:],
    "url alphabet": base64.urlsafe_b64encode(b"\xff" * 64).decode(),
    "no padding": SIGNATURE.rstrip("="),
    "spare bits set": base64.b64encode(bytes(64)).decode()[:-3] + "B==",
}


@pytest.mark.parametrize("text", BAD_BASE64.values(), ids=BAD_BASE64.keys())
def test_a_second_spelling_of_a_signature_is_refused(text: str) -> None:
    with pytest.raises(ed25519.SignatureError):
        ed25519.decode(text)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_the_wrong_length_does_not_verify(length: int) -> None:
    with pytest.raises(ed25519.SignatureError):
        ed25519.verify(bytes(length), b"message", bytes(64))


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_of_the_wrong_length_does_not_verify(length: int) -> None:
    with pytest.raises(ed25519.SignatureError):
        ed25519.verify(ed25519.public_key(AGENT_SEED), b"message", bytes(length))
