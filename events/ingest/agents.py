"""Gives the agents of an import the keys to sign with, where they may have them.

Invariant: an agent whose keys were retired gets no other: that was somebody's decision.
"""

from __future__ import annotations

from collections.abc import Callable

from events.errors import KeyRegistryError
from events.ingest.errors import RejectedRecordError
from events.keys.signing import SigningService
from events.store import registry


class AgentKeys:
    """The agents that have a key, and those that get one now.

    `announce` is told the agent and the key_id of each key made; without it none is made.
    """

    def __init__(
        self, signing: SigningService, announce: Callable[[str, str], None] | None
    ) -> None:
        self._signing = signing
        self._announce = announce
        keys = registry.list_agent_keys(signing.using)
        self._active = {key.agent_id for key in keys if key.validity.until_sequence is None}
        self._retired = {key.agent_id for key in keys} - self._active

    def knows(self, agent_id: str) -> bool:
        """Whether the agent has a key."""
        return agent_id in self._active

    def require(self, agent_id: str) -> None:
        """Return when the agent has a key.

        Raises:
            RejectedRecordError: it has none and gets none.
        """
        if agent_id in self._active:
            return
        if agent_id in self._retired:
            raise RejectedRecordError(f"the agent {agent_id!r} is retired: it has no active key")
        if self._announce is None:
            raise RejectedRecordError(f"the agent {agent_id!r} has no key, and new ones are off")
        try:
            self._announce(agent_id, self._signing.create_key(agent_id))
        except KeyRegistryError:
            # Another process was first; whether it was is what the registry says.
            if agent_id not in registry.active_keys(self._signing.using, [agent_id]):
                raise
        self._active.add(agent_id)
