"""Ed25519 (RFC 8032) over PyNaCl: key pairs, signatures, verification."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import lru_cache

from nacl.bindings import (
    crypto_core_ed25519_is_valid_point,
    crypto_sign,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from events.errors import LedgerError

SIGNATURE_BYTES = 64
KEY_BYTES = 32


class SignatureError(LedgerError):
    """A signature does not verify, or a key or signature is malformed."""


@lru_cache(maxsize=1024)
def _key_pair(seed: bytes) -> tuple[bytes, bytes]:
    """Public and private half. Cached: deriving them costs as much as a signature."""
    return crypto_sign_seed_keypair(seed)


def sign(seed: bytes, message: bytes) -> bytes:
    """The 64-byte signature of `message` by the key whose 32-byte seed is given."""
    return signer(seed)(message)


def signer(seed: bytes) -> Callable[[bytes], bytes]:
    """`sign` bound to one key. Calls libsodium directly: PyNaCl's objects cost a tenth more per
    event."""
    private = _key_pair(seed)[1]
    return lambda message: crypto_sign(message, private)[:SIGNATURE_BYTES]


def public_key(seed: bytes) -> bytes:
    """The 32-byte public key of a 32-byte seed."""
    return _key_pair(seed)[0]


@lru_cache(maxsize=4096)
def is_usable_key(key: bytes) -> bool:
    """True if the bytes are the canonical encoding of a point of prime order (RFC 8032, 5.1.3).

    Under a key of small order a signature can be made that verifies for every message, and under
    one with a small-order component libraries disagree about the same signature. Cached: the check
    takes as long as a verification.
    """
    return len(key) == KEY_BYTES and bool(crypto_core_ed25519_is_valid_point(key))


def decode_key(text: str) -> bytes:
    """The 32 bytes of a public key in standard base64.

    Raises:
        SignatureError: not base64, or not a usable public key.
    """
    key = decode(text)
    if not is_usable_key(key):
        raise SignatureError("not a usable Ed25519 public key")
    return key


def verify(key: bytes, message: bytes, signature: bytes) -> None:
    """Verify a signature.

    Raises:
        SignatureError: the key is not usable, or the signature does not verify.
    """
    if not is_usable_key(key):
        raise SignatureError("not a usable Ed25519 public key")
    try:
        VerifyKey(key).verify(message, signature)
    except (BadSignatureError, ValueError, TypeError) as error:
        raise SignatureError(str(error) or "the signature does not verify") from None


def encode(raw: bytes) -> str:
    """Standard base64 (RFC 4648 section 4), the text form of keys and signatures."""
    return base64.b64encode(raw).decode()


def decode(text: str) -> bytes:
    """Decode standard base64 strictly: a second spelling of the same bytes is refused.

    Raises:
        SignatureError: not base64, or not its canonical spelling.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError("not standard base64") from None
    if encode(raw) != text:
        raise SignatureError("not the canonical base64 of its bytes")
    return raw
