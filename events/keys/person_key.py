"""A person's private key, in a file encrypted with a passphrase. People sign on their own machine;
no server reads this file.

The file is JSON: the public key, and the 32-byte seed in a NaCl secret box whose key is derived
from the passphrase by Argon2id.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any

import nacl.pwhash
import nacl.secret
import nacl.utils
from nacl.exceptions import CryptoError

from events.errors import KeyBackendError
from events.format import ed25519

_LOCK = nacl.pwhash.argon2id
_OPERATIONS, _MEMORY = _LOCK.OPSLIMIT_MODERATE, _LOCK.MEMLIMIT_MODERATE
MIN_PASSPHRASE = 12


def create(path: Path, passphrase: str) -> str:
    """Generate a key pair in a new file, mode 0600; returns the public key in base64.

    Raises:
        KeyBackendError: the file is there already or cannot be written, or the passphrase is
            shorter than 12 characters.
    """
    if len(passphrase) < MIN_PASSPHRASE:
        raise KeyBackendError(f"a passphrase needs at least {MIN_PASSPHRASE} characters")
    seed = secrets.token_bytes(ed25519.KEY_BYTES)
    salt = nacl.utils.random(_LOCK.SALTBYTES)
    public_key = ed25519.encode(ed25519.public_key(seed))
    document = {
        "kind": "audit-portal person key v1",
        "public_key": public_key,
        "kdf": "argon2id moderate",
        "salt": base64.b64encode(salt).decode(),
        "box": base64.b64encode(_box(passphrase, salt).encrypt(seed)).decode(),
    }
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(json.dumps(document, indent=2) + "\n")
    except OSError as error:
        raise KeyBackendError(f"cannot write {path}: {error.strerror}") from None
    return public_key


def public_key(path: Path) -> str:
    """The public key in base64, which the file holds in clear.

    Raises:
        KeyBackendError: the file cannot be read, or is not a person's key file.
    """
    return str(_read(path)["public_key"])


def sign(path: Path, passphrase: str, message: bytes) -> str:
    """The signature of `message` in base64.

    Raises:
        KeyBackendError: the file cannot be read, is not a person's key file, or the passphrase is
            wrong.
    """
    return ed25519.encode(ed25519.sign(_open(path, passphrase), message))


def _open(path: Path, passphrase: str) -> bytes:
    document = _read(path)
    try:
        return bytes(_box(passphrase, document["salt"]).decrypt(document["box"]))
    except CryptoError:
        raise KeyBackendError(f"the passphrase does not open {path}") from None
    except (ValueError, TypeError):
        raise KeyBackendError(f"{path} is not a person's key file") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="ascii"))
        return {
            "public_key": document["public_key"],
            "salt": base64.b64decode(document["salt"]),
            "box": base64.b64decode(document["box"]),
        }
    except OSError as error:
        raise KeyBackendError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        raise KeyBackendError(f"{path} is not a person's key file") from None


def _box(passphrase: str, salt: bytes) -> nacl.secret.SecretBox:
    return nacl.secret.SecretBox(
        _LOCK.kdf(
            nacl.secret.SecretBox.KEY_SIZE,
            passphrase.encode(),
            salt,
            opslimit=_OPERATIONS,
            memlimit=_MEMORY,
        )
    )
