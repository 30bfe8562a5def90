"""A writer that holds its own key, as an integrator's program does."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from events.format import ed25519
from events.format.event import Event
from events.keys.backend import Sign
from events.keys.writer_key import prove, sign_event
from events.registrar import registrar
from events.store import registry

WRITER = "agent-9"


@dataclass(frozen=True)
class Writer:
    """An agent with a private key that the portal never sees."""

    agent_id: str = WRITER
    key_id: str = "agent-9-own"
    seed: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    @property
    def sign(self) -> Sign:
        """Signs with the key."""
        return ed25519.signer(self.seed)

    @property
    def public_key(self) -> str:
        """The public half in base64."""
        return ed25519.encode(ed25519.public_key(self.seed))

    def registration(
        self, replaces: Writer | None = None, ledger_id: str | None = None
    ) -> dict[str, str]:
        """The registration as the API takes it, signed by the replaced key too."""
        return prove(
            (self.public_key, self.sign),
            ledger_id=ledger_id or registry.ledger_id("default"),
            agent_id=self.agent_id,
            key_id=self.key_id,
            replaced=(replaces.key_id, replaces.sign) if replaces else None,
        )

    def register(self, replaces: Writer | None = None) -> Event:
        """Register the key as an operator, or as the writer that replaces its own key."""
        asked = self.registration(replaces)
        return registrar().register_writer_key(self.agent_id, **asked)

    def signed(self, document: Mapping[str, Any], ledger_id: str | None = None) -> dict[str, Any]:
        """An event to send, with its id and time in canonical form and its signature."""
        return sign_event(
            document,
            self.sign,
            ledger_id=ledger_id or registry.ledger_id("default"),
            agent_id=self.agent_id,
            key_id=self.key_id,
        )
