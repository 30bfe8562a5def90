"""`WitnessService`: attests events with one of the active witnesses (CT-12).

It must never let a write go on unwitnessed: with no witness able to attest it refuses (RT-1).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from events import ed25519
from events.errors import KeyRegistryError, WitnessUnavailableError
from events.keys.backend import KeyBackend
from events.store import registry

PREFIX = "WITNESS:"


@dataclass(frozen=True, slots=True)
class Attestor:
    """One active witness, ready to attest."""

    witness_id: str
    backend: KeyBackend

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature."""
        return self.backend.sign(self.witness_id, message)


class WitnessService:
    """The witnesses: the registry in the database, the private halves in `backend`."""

    def __init__(self, backend: KeyBackend, using: str = "default") -> None:
        self.backend = backend
        self.using = using

    def attestor(self) -> Attestor:
        """One of the active witnesses whose key is here, at random.

        Raises:
            WitnessUnavailableError: RT-1, there is none.
        """
        active = registry.active_witnesses(self.using)
        for witness_id in random.sample(active, len(active)):
            if self.backend.holds(witness_id):
                return Attestor(witness_id, self.backend)
        raise WitnessUnavailableError(
            "RT-1: no witness can attest, so nothing is written: "
            + (f"no private key of {', '.join(active)} is here" if active else "none is active")
        )

    def create_witness(self, name: str) -> str:
        """Make and register a witness; `name` may come with or without its prefix.

        Raises:
            KeyRegistryError: the name is taken.
            KeyBackendError: the private half cannot be kept.
        """
        witness_id = name if name.startswith(PREFIX) else PREFIX + name
        if any(known.witness_id == witness_id for known in registry.list_witnesses(self.using)):
            raise KeyRegistryError(
                f"witness {witness_id} is not registered: this name is taken; a new key is a new "
                "witness, give it a new name"
            )
        # A key without witness was left by a process that ended between the two.
        known = self.backend.holds(witness_id)
        public = (self.backend.public_key if known else self.backend.create)(witness_id)
        registry.register_witness(self.using, witness_id, ed25519.encode(public))
        return witness_id

    def retire_witness(self, witness_id: str) -> int:
        """Retire a witness for good; returns the last sequence it may have attested."""
        return registry.retire_witness(self.using, witness_id)
