"""The event: its fields, what is hashed and what is signed.

Pure except for random bytes and generated ids. `docs/event-format.md` describes the same bytes for
outsiders.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property

import orjson
from uuid_utils import uuid7

from events.errors import CanonicalJSONError
from events.format import canonical, timestamps
from events.format.drift import Drift, measure_drift

PIECE = 32
_DRAWN = 256

_pool: deque[bytes] = deque()


def random_piece() -> bytes:
    """32 random bytes from a pool that is filled by one system call for 256 of them.

    A system call per event would release the GIL, and with many threads waiting for it that costs
    more than the event's hashes. Thread-safe: `deque.popleft` is atomic. The pool is cleared after
    a fork.
    """
    while True:
        try:
            return _pool.popleft()
        except IndexError:
            drawn = os.urandom(PIECE * _DRAWN)
            _pool.extend(drawn[place : place + PIECE] for place in range(0, len(drawn), PIECE))


os.register_at_fork(after_in_child=_pool.clear)


def new_event_id() -> str:
    """A version 7 UUID (RFC 9562 section 5.7); its leading time keeps index inserts close together.

    Invariant: event ids never decide order (AC3), and their time is no evidence.
    """
    return str(uuid7())


HASH_ALG_VERSION = 1
SIG_ALG_VERSION = 1
WRITER_SIGNED = 2
"""The `sig_alg_version` of an event that its writer signed with a key of its own, before it was
submitted; version 1 is signed by the portal."""
MAX_SEQUENCE = 2**63 - 1
"""The largest sequence, that of PostgreSQL's bigint. The first is 1."""

GENESIS_HASH = "0" * 64
"""`prev_hash` of the first event."""

SALT_BYTES = 32
ERASED_SALT = "0" * 64
"""`payload_salt` of an event whose payload a ceremony erased; never drawn as a salt."""

AGENT_CONTEXT = b"audit-portal event v1\n"
SUBMISSION_CONTEXT = b"audit-portal submission v2\n"
WITNESS_CONTEXT = b"audit-portal witness v1\n"
LEAF_PREFIX = b"\x00"
"""RFC 6962 section 2.1: a leaf is hashed behind 0x00, so `content_hash` is a Merkle leaf."""


@dataclass(frozen=True)
class Event:
    """One row of the ledger, column by column.

    Both timestamps are canonical texts, because those bytes are signed. `payload` is JSON text:
    canonical when the writer made the event, reprinted when read from JSONB; `canonical_payload` is
    the same bytes for both.
    """

    event_id: str
    sequence: int
    event_type: str
    payload: str
    prev_hash: str
    content_hash: str
    signature: str
    hash_alg_version: int
    sig_alg_version: int
    agent_id: str | None
    witness_id: str
    witness_signature: str
    local_timestamp: str
    authority_timestamp: str
    signing_key_id: str
    payload_hash: str
    payload_salt: str

    @cached_property
    def canonical_payload(self) -> bytes:
        """Canonical bytes of the payload.

        Raises:
            CanonicalJSONError: the column holds a value that no submission could have stored.
        """
        return canonical.canonicalize_text(self.payload, stored=True)

    @property
    def payload_matches(self) -> bool:
        """True if the stored payload is what was hashed and signed."""
        try:
            salt = bytes.fromhex(self.payload_salt)
            return payload_hash(salt, self.canonical_payload) == self.payload_hash
        except (CanonicalJSONError, ValueError, TypeError):
            return False

    @cached_property
    def drift(self) -> Drift:
        """Local minus authority time.

        Raises:
            TimestampError: one of the two is not in canonical form.
        """
        return measure_drift(self.local_time, self.authority_time)

    @property
    def local_time(self) -> datetime:
        """The writer's clock, aware, UTC."""
        return timestamps.parse_canonical(self.local_timestamp)

    @property
    def authority_time(self) -> datetime:
        """The database's clock, aware, UTC."""
        return timestamps.parse_canonical(self.authority_timestamp)

    def signable_content(self) -> bytes:
        """The canonical bytes that the chain and both signatures cover."""
        return signable_content(
            agent_id=self.agent_id,
            authority_timestamp=self.authority_timestamp,
            event_id=self.event_id,
            event_type=self.event_type,
            hash_alg_version=self.hash_alg_version,
            local_timestamp=self.local_timestamp,
            payload_hash=self.payload_hash,
            prev_hash=self.prev_hash,
            sequence=self.sequence,
            sig_alg_version=self.sig_alg_version,
            signing_key_id=self.signing_key_id,
            witness_id=self.witness_id,
        )


FIELDS = tuple(field.name for field in fields(Event))
"""The columns of `events` in the order of the table."""


def signable_content(
    *,
    agent_id: str | None,
    authority_timestamp: str,
    event_id: str,
    event_type: str,
    hash_alg_version: int,
    local_timestamp: str,
    payload_hash: str,
    prev_hash: str,
    sequence: int,
    sig_alg_version: int,
    signing_key_id: str,
    witness_id: str,
) -> bytes:
    """Canonical JSON of the twelve signed fields.

    The keys stand in canonical order and the values are strings, integers and null, where
    `orjson` writes what RFC 8785 asks for.
    """
    return orjson.dumps(
        {
            "agent_id": agent_id,
            "authority_timestamp": authority_timestamp,
            "event_id": event_id,
            "event_type": event_type,
            "hash_alg_version": hash_alg_version,
            "local_timestamp": local_timestamp,
            "payload_hash": payload_hash,
            "prev_hash": prev_hash,
            "sequence": sequence,
            "sig_alg_version": sig_alg_version,
            "signing_key_id": signing_key_id,
            "witness_id": witness_id,
        }
    )


def payload_hash(salt: bytes, canonical_payload: bytes) -> str:
    """hex(SHA-256(salt ‖ canonical payload)). The salt lets one event be disclosed without exposing
    the others."""
    return hashlib.sha256(salt + canonical_payload).hexdigest()


def content_hash(signable: bytes) -> str:
    """hex(SHA-256(0x00 ‖ signable content)), the RFC 6962 leaf hash."""
    return hashlib.sha256(LEAF_PREFIX + signable).hexdigest()


def agent_message(signable: bytes) -> bytes:
    """The bytes that the agent signs."""
    return AGENT_CONTEXT + signable


def submission_message(
    *,
    agent_id: str,
    event_id: str,
    event_type: str,
    hash_alg_version: int,
    ledger_id: str,
    local_timestamp: str,
    payload_hash: str,
    sig_alg_version: int,
    signing_key_id: str,
) -> bytes:
    """The bytes that a writer with a key of its own signs before it submits an event
    (`sig_alg_version` 2). They name the ledger, so that a submission counts for no other."""
    return SUBMISSION_CONTEXT + orjson.dumps(
        {
            "agent_id": agent_id,
            "event_id": event_id,
            "event_type": event_type,
            "hash_alg_version": hash_alg_version,
            "ledger_id": ledger_id,
            "local_timestamp": local_timestamp,
            "payload_hash": payload_hash,
            "sig_alg_version": sig_alg_version,
            "signing_key_id": signing_key_id,
        }
    )


def signed_message(signable: bytes, sig_alg_version: int, ledger_id: str) -> bytes:
    """The bytes under an event's signature: the submission in version 2, otherwise all of
    `signable`."""
    if sig_alg_version != WRITER_SIGNED:
        return agent_message(signable)
    members = orjson.loads(signable)
    for name in ("authority_timestamp", "prev_hash", "sequence", "witness_id"):
        del members[name]  # the ledger's own, which no writer knows
    return submission_message(ledger_id=ledger_id, **members)


def witness_message(agent_signature: bytes, signable: bytes) -> bytes:
    """The bytes that the witness signs: they include the agent's signature."""
    return WITNESS_CONTEXT + agent_signature + signable


def event_json(event: Event) -> bytes:
    """The event as a JSON object: its columns by name, the payload as canonical JSON.

    The payload is spliced in as text, so no number passes through a double.
    """
    columns = {name: getattr(event, name) for name in FIELDS}
    columns["payload"] = orjson.Fragment(event.canonical_payload)
    return orjson.dumps(columns)
