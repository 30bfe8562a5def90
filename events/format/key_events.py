"""Events that open a ledger and that register and retire its keys (docs/event-format.md, "Keys").

The database checks the same before a registration takes effect (`events/sql/018_key_history.sql`).
Pure: no database and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from events.errors import KeyRegistryError
from events.format import ed25519
from events.format.canonical import canonicalize

OPENED = "system.ledger_opened"
REGISTERED = "system.key_registered"
RETIRED = "system.key_retired"
THRESHOLD_SET = "system.drift_threshold_set"

FORMAT_VERSION = 1
AGENT, SYSTEM, WITNESS = "agent", "system", "witness"
SERVER, WRITER = "server", "writer"
PROOF_CONTEXT = b"audit-portal key v1\n"

Registration = dict[str, Any]
"""The payload of `system.key_registered`: role, id, owner, public_key, sig_alg_version, custody,
proof, and replaces if the key retires another."""


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
        "sig_alg_version": 2 if custody == WRITER else 1,
        "custody": custody,
    }
    return members if replaces is None else {**members, "replaces": replaces}


def role_of(agent_id: str | None) -> str:
    """The role of a key that signs for an agent; None is the system."""
    return SYSTEM if agent_id is None else AGENT


def proof_message(said: Mapping[str, Any], ledger_id: str) -> bytes:
    """Return the bytes that a new key signs over its own registration, for one ledger only."""
    members = {name: value for name, value in said.items() if name != "proof"}
    return PROOF_CONTEXT + canonicalize({**members, "ledger_id": ledger_id})


def proved(said: Registration, ledger_id: str, sign: Callable[[bytes], bytes]) -> Registration:
    """Return the registration with the proof that `sign`, of the new key, makes."""
    return {**said, "proof": ed25519.encode(sign(proof_message(said, ledger_id)))}


def check_proof(said: Mapping[str, Any], ledger_id: str) -> None:
    """Check that a registration is signed by the new key itself.

    Raises:
        KeyRegistryError: a member is missing, the key is not usable, or the proof does not verify.
    """
    try:
        ed25519.verify(
            ed25519.decode_key(said["public_key"]),
            proof_message(said, ledger_id),
            ed25519.decode(said["proof"]),
        )
    except (KeyError, TypeError, ed25519.SignatureError) as error:
        raise KeyRegistryError(
            f"the proof is not a signature by the key {said.get('id')}: {error}"
        ) from None
