"""`SigningService`: signs for an agent with its current key, and manages the agents' keys.

It must never sign a payload alone: what it signs is `agent_message(signable_content())`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from events import ed25519
from events.errors import KeyBackendError, KeyRegistryError, NoActiveKeyError
from events.keys.backend import KeyBackend
from events.keys.pairs import Sign
from events.store import registry

MAX_KNOWN = 100_000
"""Agents whose signers are remembered at once."""


@dataclass(frozen=True, slots=True)
class Signer:
    """One agent's current key, ready to sign."""

    key_id: str
    sign: Sign


class SigningService:
    """The agents' keys: the registry in the database, the private halves in `backend`."""

    def __init__(self, backend: KeyBackend, using: str = "default") -> None:
        self.backend = backend
        self.using = using
        self._known: dict[str | None, Signer] = {}

    def signers(self, agent_ids: Iterable[str | None]) -> dict[str | None, Signer]:
        """A signer for each agent; None is the system.

        They are remembered. A key that was retired since is refused by the database, whose trigger
        looks at every row; whoever is refused calls `forget` and asks again.

        Raises:
            NoActiveKeyError: an agent has no active key, or its private half is not here.
        """
        wanted = set(agent_ids)
        if unknown := wanted - self._known.keys():
            self._look_up(unknown)
        return {agent: self._known[agent] for agent in wanted}

    def forget(self) -> None:
        """Look every key up again: one of them was refused."""
        self._known.clear()

    def _look_up(self, agents: set[str | None]) -> None:
        if len(self._known) > MAX_KNOWN:
            self._known.clear()
        active = registry.active_keys(self.using, agents)
        for agent in sorted(agents - active.keys(), key=str):
            raise NoActiveKeyError(f"{_named(agent)} has no active signing key")
        for agent, key_id in active.items():
            self._known[agent] = Signer(key_id, self._private_half(agent, key_id))

    def create_key(self, agent_id: str | None, key_id: str | None = None) -> str:
        """Make and register the first key of an agent; returns its key_id.

        Raises:
            KeyRegistryError: the agent has an active key, or the name is taken.
            KeyBackendError: the private half cannot be kept.
        """
        key_id = key_id or new_key_id(agent_id)
        if agent_id in registry.active_keys(self.using, [agent_id]):
            raise KeyRegistryError(
                f"key {key_id} is not registered: the agent has an active key already; "
                "rotate it instead"
            )
        public = self.backend.create(key_id)
        registry.register_agent_key(self.using, key_id, agent_id, ed25519.encode(public))
        return key_id

    def rotate_key(self, agent_id: str | None) -> tuple[str, str]:
        """Retire an agent's key and register a new one in one transaction: `(old, new)`.

        No event can fall between the two; the old key goes on verifying what it signed.

        Raises:
            NoActiveKeyError: the agent has no active key.
        """
        self.active_key(agent_id)
        new = new_key_id(agent_id)
        public = self.backend.create(new)
        with transaction.atomic(using=self.using):
            old = self.active_key(agent_id)
            registry.retire_agent_key(self.using, old)
            registry.register_agent_key(self.using, new, agent_id, ed25519.encode(public))
        return old, new

    def retire_key(self, key_id: str) -> int:
        """Retire a key for good; returns the last sequence it may have signed."""
        return registry.retire_agent_key(self.using, key_id)

    def active_key(self, agent_id: str | None) -> str:
        """The key_id an agent signs with now.

        Raises:
            NoActiveKeyError: it has none.
        """
        try:
            return registry.active_keys(self.using, [agent_id])[agent_id]
        except KeyError:
            raise NoActiveKeyError(f"{_named(agent_id)} has no active signing key") from None

    def _private_half(self, agent_id: str | None, key_id: str) -> Sign:
        try:
            return self.backend.signer(key_id)
        except KeyBackendError as error:
            raise NoActiveKeyError(f"{_named(agent_id)} cannot sign: {error}") from error


def new_key_id(agent_id: str | None) -> str:
    """A fresh name for a key: what can be shown of the agent's name, and 12 random digits."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", agent_id or "system").strip("-")[:40] or "agent"
    return f"{readable}-{secrets.token_hex(6)}"


def _named(agent_id: str | None) -> str:
    return "the system" if agent_id is None else f"agent {agent_id!r}"
