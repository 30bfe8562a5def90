"""Sees to it that agents under a token's prefix can sign: each gets a key of the server's when it
is first named.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from events.composition import signing_service
from events.errors import KeyRegistryError
from events.store import registry

log = structlog.get_logger(__name__)

MAX_AGENTS = 10_000
"""Agents under one prefix: what names them is the sender's, and a key is never deleted."""


def refused_agents(agent_ids: Iterable[str], under: str) -> dict[str, str]:
    """Why each of these agents cannot be written for; the others have a key from now on.

    Raises:
        KeyBackendError: no private key can be kept here.
    """
    signing = signing_service()
    wanted = set(agent_ids)
    known = registry.known_agents(signing.using, wanted)
    refused = {
        agent: "the agent is retired: it has no active key"
        for agent, is_active in known.items()
        if not is_active
    }
    new = sorted(wanted - known.keys())
    if not new:
        return refused
    room = max(0, MAX_AGENTS - registry.count_agents_under(signing.using, under))
    for agent in new[:room]:
        try:
            key_id = signing.create_key(agent)
        except KeyRegistryError:
            # Another process was first; whether it was is what the registry says.
            if agent not in registry.active_keys(signing.using, [agent]):
                raise
        else:
            log.info("agent_of_a_collector", agent_id=agent, key_id=key_id)
    full = f"there are {MAX_AGENTS:,} agents under {under} already, and no more are made"
    return refused | dict.fromkeys(new[room:], full)
