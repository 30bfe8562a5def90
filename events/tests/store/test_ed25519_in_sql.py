"""The database verifies Ed25519 signatures with the same verdicts as libsodium."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.format import ed25519
from events.tests.support.ledger import Ledger

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "ed25519.json").read_text(encoding="utf-8")
)
ORDER = 2**252 + 27742317777372353535851937790883648493


def in_sql(ledger: Ledger, function: str, *values: bytes | None) -> bool:
    ((verdict,),) = ledger.query(f"SELECT {function}({', '.join(['%s'] * len(values))})", values)
    assert isinstance(verdict, bool)
    return verdict


def test_a_key_is_usable_as_the_vectors_say(ledger: Ledger) -> None:
    for key in VECTORS["keys"]:
        usable = in_sql(ledger, "ed25519_usable_key", bytes.fromhex(key["public_key_hex"]))
        assert usable == key["usable"], key["name"]


def test_signatures_verify_as_the_vectors_say(ledger: Ledger) -> None:
    for vector in VECTORS["signatures"]:
        given_ = [bytes.fromhex(vector[f"{n}_hex"]) for n in ("public_key", "message", "signature")]
        assert in_sql(ledger, "ed25519_verifies", *given_) == vector["verifies"], vector


def test_malformed_keys_and_signatures_verify_nothing(ledger: Ledger) -> None:
    seed, message = bytes(32), b"a message"
    key, signature = ed25519.public_key(seed), ed25519.sign(seed, message)
    s = int.from_bytes(signature[32:], "little")
    assert in_sql(ledger, "ed25519_verifies", key, message, signature)
    for bad in (
        (None, message, signature),
        (key, None, signature),
        (key, message, None),
        (b"", message, signature),
        (key[:31], message, signature),
        (key + b"\0", message, signature),
        (key, message, b""),
        (key, message, signature[:63]),
        (key, message, signature + b"\0"),
        (key, message, signature[:32] + (s + ORDER).to_bytes(32, "little")),
        (key, message, signature[32:] + signature[:32]),
    ):
        assert not in_sql(ledger, "ed25519_verifies", *bad)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300), st.integers(0, 511))
def test_any_signature_verifies_and_none_with_a_flipped_bit(
    ledger: Ledger, seed: bytes, message: bytes, bit: int
) -> None:
    key, signature = ed25519.public_key(seed), ed25519.sign(seed, message)
    assert in_sql(ledger, "ed25519_verifies", key, message, signature)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not in_sql(ledger, "ed25519_verifies", key, message, bytes(flipped))
