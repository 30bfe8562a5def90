"""How often a network may try to sign in, counted in the database for all processes together."""

from __future__ import annotations

from events.store.connection import execute, fetch_one

USING = "default"


def take_sign_in(network: str, most: int) -> bool:
    """Whether the network may try once more: it has `most` tries, which come back in a minute."""
    taken = fetch_one(USING, "take_sign_in", {"network": network, "most": most}) is not None
    execute(USING, "forget_sign_ins", {})
    return taken
