"""Turns submissions into events: sequence, hashes and the two signatures.

Pure: the head and the authority time are passed in by whoever holds the ledger's lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from events.format import ed25519, event
from events.format.event import Event, new_event_id, random_piece
from events.format.timestamps import format_timestamp
from events.keys.backend import Order, Pair, made_before, sign_pair
from events.keys.signing import Attestor, Signer
from events.store.append import Opening
from events.submission import Submission


@dataclass(frozen=True, slots=True)
class PreparedEvent:
    """The parts of an event that are known before the lock is taken."""

    event_id: str
    submission: Submission
    local_timestamp: str
    salt: bytes
    payload_hash: str

    @property
    def sig_alg_version(self) -> int:
        """The version of its signature, which tells who makes it."""
        if self.submission.signed is None:
            return event.SIG_ALG_VERSION
        return event.WRITER_SIGNED

    def made(self, stored: Event) -> bool:
        """True if the stored event was written from this very preparation, by an attempt whose
        answer was lost. The salt of 32 random bytes identifies it, unless the writer chose it: then
        any attempt may have been the first."""
        return self.submission.signed is None and stored.payload_salt == self.salt.hex()

    def is_same(self, stored: Event) -> bool:
        """True if the stored event has the same content as this one.

        The payload is compared by its salted hash. An erased payload has lost its salt and equals
        nothing. What a writer signed is the same only with the same signature.
        """
        return (
            stored.payload_salt != event.ERASED_SALT
            and self._is_same_but_payload(stored)
            and stored.payload_hash
            == event.payload_hash(
                bytes.fromhex(stored.payload_salt), self.submission.canonical_payload
            )
            and self._is_signed_so(stored)
        )

    def is_same_but_erased(self, stored: Event) -> bool:
        """True if the stored event matches in everything but its payload, which was erased."""
        return stored.payload_salt == event.ERASED_SALT and self._is_same_but_payload(stored)

    def _is_signed_so(self, stored: Event) -> bool:
        signed = self.submission.signed
        return signed is None or stored.signature == ed25519.encode(signed.signature)

    def _is_same_but_payload(self, stored: Event) -> bool:
        """Compare everything but the payload. A submission without a clock reading matches any
        time."""
        submission = self.submission
        return (
            stored.event_type == submission.event_type
            and stored.agent_id == submission.agent_id
            and (
                submission.local_timestamp is None or stored.local_timestamp == self.local_timestamp
            )
        )


def prepare(submission: Submission, event_id: str | None = None) -> PreparedEvent:
    """Hash the payload with a fresh salt or the writer's own, and generate an event_id if the
    submission has none."""
    salt = random_piece() if submission.signed is None else submission.signed.salt
    return PreparedEvent(
        event_id=event_id or submission.event_id or new_event_id(),
        submission=submission,
        local_timestamp=format_timestamp(submission.local_timestamp or datetime.now(UTC)),
        salt=salt,
        payload_hash=event.payload_hash(salt, submission.canonical_payload),
    )


class UnsignedEvent(NamedTuple):
    """An event with its sequence and hashes that still needs its two signatures. The chain does not
    cover the signatures."""

    item: PreparedEvent
    sequence: int
    prev_hash: str
    content_hash: str
    authority_timestamp: str
    signable: bytes
    signer: Signer
    attestor: Attestor

    @property
    def order(self) -> Order:
        """The order to the signing helper. A signature of the writer's own is only attested."""
        own = self.item.submission.signed
        return own.signature if own else self.signer.key_id, self.attestor.witness_id, self.signable

    def signed_here(self) -> Event:
        """Sign and attest in this process; a signature of the writer's own is only attested."""
        own = self.item.submission.signed
        agent = made_before(own.signature) if own else self.signer.sign
        return self.signed(sign_pair(agent, self.attestor.sign, self.signable))

    def signed(self, pair: Pair) -> Event:
        """Return the event completed with both signatures."""
        submission = self.item.submission
        return Event(
            event_id=self.item.event_id,
            sequence=self.sequence,
            event_type=submission.event_type,
            payload=submission.canonical_payload.decode(),
            prev_hash=self.prev_hash,
            content_hash=self.content_hash,
            signature=ed25519.encode(pair[0]),
            hash_alg_version=event.HASH_ALG_VERSION,
            sig_alg_version=self.item.sig_alg_version,
            agent_id=submission.agent_id,
            witness_id=self.attestor.witness_id,
            witness_signature=ed25519.encode(pair[1]),
            local_timestamp=self.item.local_timestamp,
            authority_timestamp=self.authority_timestamp,
            signing_key_id=self.signer.key_id,
            payload_hash=self.item.payload_hash,
            payload_salt=self.item.salt.hex(),
        )


@dataclass(slots=True)
class Chain:
    """The end of the chain, advanced as a transaction adds events, with the keys that sign."""

    sequence: int
    content_hash: str
    authority_timestamp: str
    signers: Mapping[str | None, Signer]
    attestor: Attestor

    @classmethod
    def behind(
        cls, opening: Opening, signers: Mapping[str | None, Signer], attestor: Attestor
    ) -> Chain:
        """Start the chain at the head that was read under the lock."""
        return cls(
            opening.last_sequence,
            opening.content_hash,
            opening.authority_timestamp,
            signers,
            attestor,
        )

    def place(self, item: PreparedEvent) -> UnsignedEvent:
        """Assign the next sequence and compute the hashes."""
        submission = item.submission
        signer, previous = self.signers[submission.agent_id], self.content_hash
        sequence = self.sequence + 1
        signable = event.signable_content(
            agent_id=submission.agent_id,
            authority_timestamp=self.authority_timestamp,
            event_id=item.event_id,
            event_type=submission.event_type,
            hash_alg_version=event.HASH_ALG_VERSION,
            local_timestamp=item.local_timestamp,
            payload_hash=item.payload_hash,
            prev_hash=previous,
            sequence=sequence,
            sig_alg_version=item.sig_alg_version,
            signing_key_id=signer.key_id,
            witness_id=self.attestor.witness_id,
        )
        self.sequence, self.content_hash = sequence, event.content_hash(signable)
        return UnsignedEvent(
            item,
            sequence,
            previous,
            self.content_hash,
            self.authority_timestamp,
            signable,
            signer,
            self.attestor,
        )

    def seal(self, prepared: Iterable[PreparedEvent]) -> Iterator[Event]:
        """Place and sign one after another."""
        for placed in map(self.place, prepared):
            yield placed.signed_here()
