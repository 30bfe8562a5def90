"""Makes events of what was submitted: place, hashes, two signatures.

It must never touch the database: the head and the authority time come from whoever holds the lock.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from events import ed25519, event
from events.event import Event
from events.event_ids import new_event_id
from events.keys.signing import Signer
from events.keys.witness import Attestor
from events.submission import Submission
from events.timestamps import format_timestamp


@dataclass(frozen=True, slots=True)
class Prepared:
    """All of an event that can be known before the lock."""

    event_id: str
    submission: Submission
    local_timestamp: str
    salt: bytes
    payload_hash: str

    def made(self, stored: Event) -> bool:
        """Whether a stored event was written from this very preparation, by a try whose answer
        was lost. Nobody else can have drawn the same 32 random bytes."""
        return stored.payload_salt == self.salt.hex()

    def is_same(self, stored: Event) -> bool:
        """Whether a stored event is what is submitted again. The payload is compared by its salted
        hash, unless it was erased; a submission without clock reading is the same at any
        time."""
        submission = self.submission
        return (
            stored.event_type == submission.event_type
            and stored.agent_id == submission.agent_id
            and (
                submission.local_timestamp is None or stored.local_timestamp == self.local_timestamp
            )
            and (
                stored.payload_salt == event.ERASED_SALT
                or stored.payload_hash
                == event.payload_hash(
                    bytes.fromhex(stored.payload_salt), submission.canonical_payload
                )
            )
        )


def prepare(submission: Submission, event_id: str | None = None) -> Prepared:
    """Hash the payload behind a fresh salt, and name the event if its writer did not."""
    salt = secrets.token_bytes(event.SALT_BYTES)
    return Prepared(
        event_id=event_id or submission.event_id or new_event_id(),
        submission=submission,
        local_timestamp=format_timestamp(submission.local_timestamp or datetime.now(UTC)),
        salt=salt,
        payload_hash=event.payload_hash(salt, submission.canonical_payload),
    )


@dataclass
class Chain:
    """The end of the chain while a transaction grows it, and who signs and attests."""

    sequence: int
    content_hash: str
    authority_timestamp: str
    signers: Mapping[str | None, Signer]
    attestor: Attestor

    def seal(self, prepared: Iterable[Prepared]) -> Iterator[Event]:
        """Give each event its place, its hashes and its two signatures (sign complete: a signature
        covers `signable_content()`, never the payload alone)."""
        for item in prepared:
            sealed = self._sealed(item)
            self.sequence, self.content_hash = sealed.sequence, sealed.content_hash
            yield sealed

    def _sealed(self, item: Prepared) -> Event:
        submission = item.submission
        signer, attestor = self.signers[submission.agent_id], self.attestor
        sequence = self.sequence + 1
        signable = event.signable_content(
            agent_id=submission.agent_id,
            authority_timestamp=self.authority_timestamp,
            event_id=item.event_id,
            event_type=submission.event_type,
            hash_alg_version=event.HASH_ALG_VERSION,
            local_timestamp=item.local_timestamp,
            payload_hash=item.payload_hash,
            prev_hash=self.content_hash,
            sequence=sequence,
            sig_alg_version=event.SIG_ALG_VERSION,
            signing_key_id=signer.key_id,
            witness_id=attestor.witness_id,
        )
        signature = signer.sign(event.agent_message(signable))
        attestation = attestor.sign(event.witness_message(signature, signable))
        return Event(
            event_id=item.event_id,
            sequence=sequence,
            event_type=submission.event_type,
            payload=submission.canonical_payload.decode(),
            prev_hash=self.content_hash,
            content_hash=event.content_hash(signable),
            signature=ed25519.encode(signature),
            hash_alg_version=event.HASH_ALG_VERSION,
            sig_alg_version=event.SIG_ALG_VERSION,
            agent_id=submission.agent_id,
            witness_id=attestor.witness_id,
            witness_signature=ed25519.encode(attestation),
            local_timestamp=item.local_timestamp,
            authority_timestamp=self.authority_timestamp,
            signing_key_id=signer.key_id,
            payload_hash=item.payload_hash,
            payload_salt=item.salt.hex(),
        )
