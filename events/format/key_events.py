"""Events that open a ledger and that register and retire its keys (docs/event-format.md, "Keys").

The database checks the same before a registration takes effect (`events/sql/018_key_history.sql`).
Pure: no database and no clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from events.errors import KeyRegistryError
from events.format import ed25519
from events.format.canonical import canonicalize
from events.format.event import SIG_ALG_VERSION, WRITER_SIGNED

OPENED = "system.ledger_opened"
REGISTERED = "system.key_registered"
RETIRED = "system.key_retired"
THRESHOLD_SET = "system.drift_threshold_set"

FORMAT_VERSION = 1
AGENT, SYSTEM, WITNESS = "agent", "system", "witness"
SERVER, WRITER = "server", "writer"
PROOF_CONTEXT = b"audit-portal key v1\n"
PROOFS = ("proof", "replaced_proof")
"""The members of a registration that are signatures over all others."""

Registration = dict[str, Any]
"""The payload of `system.key_registered`: role, id, owner, public_key, sig_alg_version, custody,
proof, replaces if the key retires another, and replaced_proof if that one agrees."""


def registration(
    role: str,
    key_id: str,
    public_key: bytes | str,
    *,
    owner: str | None = None,
    custody: str = SERVER,
    replaces: str | None = None,
) -> Registration:
    """Build a registration without its proof. `public_key` is 32 bytes or their base64, `owner` an
    agent's name."""
    members = {
        "role": role,
        "id": key_id,
        "owner": owner,
        "public_key": public_key if isinstance(public_key, str) else ed25519.encode(public_key),
        "sig_alg_version": WRITER_SIGNED if custody == WRITER else SIG_ALG_VERSION,
        "custody": custody,
    }
    return members if replaces is None else {**members, "replaces": replaces}


def fingerprint(public_key: str) -> str:
    """Return the SHA-256 in hex of a public key in base64, by which people compare a ledger's first
    key."""
    return hashlib.sha256(ed25519.decode(public_key)).hexdigest()


def writer_registration(
    agent_id: str, key_id: str, public_key: str, replaces: str | None
) -> Registration:
    """Build the registration of a key that its writer holds, without its proofs."""
    return registration(
        AGENT, key_id, public_key, owner=agent_id, custody=WRITER, replaces=replaces
    )


def role_of(agent_id: str | None) -> str:
    """The role of a key that signs for an agent; None is the system."""
    return SYSTEM if agent_id is None else AGENT


def proof_message(said: Mapping[str, Any], ledger_id: str) -> bytes:
    """Return the bytes that a new key signs over its own registration, for one ledger only. A
    writer-held key that agrees to be replaced signs the same bytes."""
    members = {name: value for name, value in said.items() if name not in PROOFS}
    return PROOF_CONTEXT + canonicalize({**members, "ledger_id": ledger_id})


def proved(said: Registration, ledger_id: str, sign: Callable[[bytes], bytes]) -> Registration:
    """Return the registration with the proof that `sign`, of the new key, makes."""
    return {**said, "proof": ed25519.encode(sign(proof_message(said, ledger_id)))}


def check_proof(said: Mapping[str, Any], ledger_id: str) -> None:
    """Check that a registration is signed by the new key itself.

    Raises:
        KeyRegistryError: a member is missing, the key is not usable, or the proof does not verify.
    """
    _check(said, "proof", said.get("id"), said.get("public_key"), ledger_id)


def check_replaced_proof(said: Mapping[str, Any], replaced: str, ledger_id: str) -> None:
    """Check that a registration is signed by the key that it replaces, whose public key in base64
    is `replaced`.

    Raises:
        KeyRegistryError: the signature does not verify.
    """
    _check(said, "replaced_proof", said.get("replaces"), replaced, ledger_id)


def _check(said: Mapping[str, Any], proof: str, key_id: Any, key: Any, ledger_id: str) -> None:
    message = proof_message(said, ledger_id)
    try:
        ed25519.verify(ed25519.decode_key(key), message, ed25519.decode(said[proof]))
    except (KeyError, TypeError, ed25519.SignatureError) as error:
        text = message.removeprefix(PROOF_CONTEXT).decode()
        raise KeyRegistryError(
            f"the {proof} is not a signature by the key {key_id}: {error}; it signs "
            f'"{PROOF_CONTEXT.decode().strip()}", a line feed, and {text}'
        ) from None
