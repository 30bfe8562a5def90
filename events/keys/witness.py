"""`WitnessService`: attests events with one of the active witnesses (CT-12).

It must never let a write go on unwitnessed: with no witness able to attest it refuses (RT-1).
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from events import ed25519
from events.errors import KeyRegistryError, WitnessUnavailableError
from events.keys.backend import KeyBackend
from events.keys.pairs import Sign
from events.store import registry

PREFIX = "WITNESS:"

REMEMBERED_SECONDS = 10.0
"""How long a new witness may wait before it is asked to attest."""


@dataclass(frozen=True, slots=True)
class Attestor:
    """One active witness, ready to attest."""

    witness_id: str
    sign: Sign


class WitnessService:
    """The witnesses: the registry in the database, the private halves in `backend`."""

    def __init__(self, backend: KeyBackend, using: str = "default") -> None:
        self.backend = backend
        self.using = using
        self._known: list[Attestor] = []
        self._known_since = 0.0

    def attestor(self) -> Attestor:
        """One of the active witnesses whose key is here, at random.

        They are remembered for a while. One that was retired since is refused by the database,
        whose trigger looks at every row; whoever is refused calls `forget` and asks again.

        Raises:
            WitnessUnavailableError: RT-1, there is none.
        """
        if not self._known or time.monotonic() - self._known_since > REMEMBERED_SECONDS:
            self._known = self._look_up()
            self._known_since = time.monotonic()
        return secrets.choice(self._known)

    def forget(self) -> None:
        """Look the witnesses up again: one of them was refused."""
        self._known = []

    def _look_up(self) -> list[Attestor]:
        active = registry.active_witnesses(self.using)
        here = [
            Attestor(witness_id, self.backend.signer(witness_id))
            for witness_id in active
            if self.backend.holds(witness_id)
        ]
        if here:
            return here
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
