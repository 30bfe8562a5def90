"""The two signatures of an event (sign complete: they cover `signable_content()`, never the payload
alone). It must never import Django."""

from __future__ import annotations

from collections.abc import Callable

from events import event

Sign = Callable[[bytes], bytes]
"""Gives the 64-byte Ed25519 signature of a message."""

Pair = tuple[bytes, bytes]
"""The agent's signature, and the witness's over it: 64 bytes each."""


def sign_pair(agent: Sign, witness: Sign, signable: bytes) -> Pair:
    """Sign and attest."""
    signature = agent(event.agent_message(signable))
    return signature, witness(event.witness_message(signature, signable))
