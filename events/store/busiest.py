"""Which agents write most. It must never read an event, only the index by agent."""

from __future__ import annotations

from events.store.connection import fetch_all


def busiest_agents(using: str, after: int, *, limit: int) -> list[tuple[str | None, int]]:
    """Agents (None: the system) and their events after a sequence, the busiest first."""
    rows = fetch_all(using, "busiest_agents", {"after": after, "limit": limit})
    return [(agent_id, count) for agent_id, count in rows]
