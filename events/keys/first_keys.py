"""Creates the keys without which nothing can be written: the system's, a first agent's, a first
witness's.

Invariant: a retired key is never replaced here; retiring it was somebody's decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db import transaction

from events.keys.signing import PREFIX, SigningService, WitnessService
from events.store import registry
from events.store.append import open_append
from events.store.connection import named_errors

FIRST_AGENT = "first-agent"
FIRST_WITNESS = PREFIX + "first"


def ensure_keys(signing: SigningService, witnessing: WitnessService) -> list[str]:
    """Create each kind of key if none was ever registered; returns one line for each key made.

    Checks without the lock first, so that a halted ledger that has its keys can still be served.

    Raises:
        KeyBackendError: a private key cannot be kept.
        SystemHaltedError: CT-11, keys are missing and the ledger is halted.
    """
    if not list(_missing(signing, witnessing)):
        return []
    with named_errors(), transaction.atomic(using=signing.using):
        # The ledger's lock: of several processes that start at once, one creates the keys.
        open_append(signing.using)
        return [make() for make in list(_missing(signing, witnessing))]


def _missing(signing: SigningService, witnessing: WitnessService) -> Iterator[Callable[[], str]]:
    agents = {key.agent_id for key in registry.list_agent_keys(signing.using)}
    if None not in agents:
        yield lambda: f"created the system key {signing.create_key(None)}"
    if not agents - {None}:
        yield lambda: f"created the key {signing.create_key(FIRST_AGENT)} of agent {FIRST_AGENT}"
    if not registry.list_witnesses(witnessing.using):
        yield lambda: f"created the witness {witnessing.create_witness(FIRST_WITNESS)}"
