"""The key pair that is to follow a key or a witness, made before a ceremony decides on it.

It must never register what it makes: the ceremony's record does.
"""

from __future__ import annotations

import secrets

from events import ed25519
from events.errors import KeyRegistryError
from events.keys.backend import KeyBackend
from events.keys.signing import new_key_id
from events.keys.witness import PREFIX
from events.store import registry


def new_key_for(backend: KeyBackend, using: str, old: str) -> dict[str, str]:
    """`new_key` and `new_public_key` for what follows `old`; the private half is in `backend`.

    Raises:
        KeyRegistryError: there is no such key.
    """
    if old.startswith(PREFIX):
        known = old in {each.witness_id for each in registry.list_witnesses(using)}
        name = f"{old}-{secrets.token_hex(3)}"
    else:
        owners = {key.key_id: key.agent_id for key in registry.list_agent_keys(using)}
        known = old in owners
        name = new_key_id(owners.get(old))
    if not known:
        raise KeyRegistryError(f"there is no key {old}")
    return {"new_key": name, "new_public_key": ed25519.encode(backend.create(name))}
