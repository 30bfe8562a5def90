"""The numbered checks of one event; `docs/event-format.md` has the same numbers. Pure: an event and
keys in, failed checks out.

`passes_fast` is the fast path over raw rows. Invariant: it returns True only where the checks find
nothing; False means that the full checks have to run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from events.errors import CanonicalJSONError, LedgerError
from events.format import ed25519, event
from events.format.canonical import canonicalize_text
from events.format.ceremony import PREFIX
from events.format.ceremony_record import REGISTERED
from events.format.ed25519 import SignatureError
from events.format.event import FIELDS, WRITER_SIGNED, Event
from events.store.ranges import Row
from observers.verification.ceremonies import check_ceremony
from observers.verification.forms import have_forms, wrong_forms
from observers.verification.keyring import Keyring, TrustedKey


class Check(StrEnum):
    """The checks, in the order in which they are made.

    Each has its number in the algorithm, and says for people what it shows when it passes and what
    is wrong with an event that fails it.
    """

    _value_: str
    number: int
    meaning: str
    failure: str

    def __new__(cls, name: str, number: int = 0, meaning: str = "", failure: str = "") -> Self:
        check = str.__new__(cls, name)
        check._value_ = name
        check.number, check.meaning, check.failure = number, meaning, failure
        return check

    GAP = (
        "gap",
        1,
        "The sequence numbers follow one another; a gap is explained by a ceremony.",
        "a number before it is missing",
    )
    FORMAT = (
        "format",
        2,
        "Every field has the form that the event format asks for.",
        "a field does not have the form that the event format requires",
    )
    PAYLOAD_HASH = (
        "payload_hash",
        3,
        "payload_hash is the salted hash of the canonical payload.",
        "the payload is not the one that was signed",
    )
    CONTENT_HASH = (
        "content_hash",
        4,
        "content_hash is the hash of the twelve signed fields.",
        "the content is not the one that was hashed",
    )
    PREV_HASH = (
        "prev_hash",
        5,
        "prev_hash is the content_hash of the event before.",
        "it does not link to the event before it",
    )
    SIGNING_KEY = (
        "signing_key",
        6,
        "The signing key is the agent's, and valid at this place in the ledger.",
        "the signing key is not its agent's, or was not valid for this event",
    )
    SIGNATURE = (
        "signature",
        7,
        "The agent's signature verifies.",
        "the agent's signature does not verify",
    )
    WITNESS = (
        "witness",
        8,
        "The witness is registered, and valid at this place in the ledger.",
        "the witness is not registered, or was not valid for this event",
    )
    WITNESS_SIGNATURE = (
        "witness_signature",
        9,
        "The witness's signature verifies.",
        "the witness's signature does not verify",
    )
    HEAD = (
        "head",
        10,
        "The event agrees with the record of appends, and the last one with the head.",
        "it differs from the record of appends",
    )
    CEREMONY = (
        "ceremony",
        11,
        "The record of a ceremony is what people proposed, approved and signed.",
        "the ceremony it records is not what people signed",
    )
    KEY_HISTORY = (
        "key_history",
        12,
        "The registered keys and people are those that the events of the chain register.",
        "the registered keys or people are not those that the chain says",
    )
    RECORDS = (
        "records",
        13,
        "What the database keeps beside the event says what the event says.",
        "the database's other records about it say something else",
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that failed at a sequence number."""

    sequence: int
    check: Check
    detail: str


SIGNATURES = frozenset({Check.SIGNATURE, Check.WITNESS_SIGNATURE})
"""The checks that cost most; the others hold hashes, links, keys and order together."""

_NUMBERS = ("sequence", "hash_alg_version", "sig_alg_version")


def check_event(subject: Event, keys: Keyring, *, signatures: bool = True) -> Iterator[Finding]:
    """Makes checks 2 to 4, 6 to 9 and 11, which need only the event and the keys; 7 and 9 only with
    `signatures`."""
    whole = without_nulls(subject)
    signable = whole.signable_content()
    failures: list[tuple[Check, Iterator[str]]] = [
        (Check.FORMAT, wrong_forms(subject)),
        (Check.PAYLOAD_HASH, _payload_hash(whole)),
        (Check.CONTENT_HASH, _content_hash(whole, signable)),
        (Check.SIGNING_KEY, _signing_key(keys.agents.get(whole.signing_key_id), whole)),
        (Check.SIGNATURE, _signature(whole, signable, keys)),
        (Check.WITNESS, _key(keys.witnesses.get(whole.witness_id), whole.witness_id, whole)),
        (Check.WITNESS_SIGNATURE, _witness_signature(whole, signable, keys)),
        (Check.CEREMONY, check_ceremony(whole, keys)),
    ]
    for check, details in failures:
        if signatures or check not in SIGNATURES:
            for detail in details:
                yield Finding(subject.sequence, check, detail)


def without_nulls(subject: Event) -> Event:
    """Replaces NULLs, which only a superuser can write, by empty values; returns the same event
    where there are none."""
    empty: dict[str, str | int] = {
        name: 0 if name in _NUMBERS else ""
        for name in FIELDS
        if name != "agent_id" and getattr(subject, name) is None
    }
    return replace(subject, **empty) if empty else subject  # type: ignore[arg-type]


def link_failure(sequence: int, prev_hash: str | None, before: str | None) -> Finding | None:
    """Makes check 5: the link to the `content_hash` of the previous event, or to 64 zeros."""
    if prev_hash == before:
        return None
    detail = f"prev_hash is {prev_hash}, the event before has {before}"
    return Finding(sequence, Check.PREV_HASH, detail)


def _payload_hash(subject: Event) -> Iterator[str]:
    try:
        salt = bytes.fromhex(subject.payload_salt)
        expected = event.payload_hash(salt, subject.canonical_payload)
    except CanonicalJSONError as error:
        yield f"the payload has no canonical form: {error}"
    except ValueError:
        yield "payload_salt is not hex"
    else:
        if expected != subject.payload_hash:
            yield f"the payload hashes to {expected}, payload_hash is {subject.payload_hash}"


def _content_hash(subject: Event, signable: bytes) -> Iterator[str]:
    expected = event.content_hash(signable)
    if expected != subject.content_hash:
        yield f"the signed fields hash to {expected}, content_hash is {subject.content_hash}"


def _key(key: TrustedKey | None, owner: str | None, subject: Event) -> Iterator[str]:
    if key is None:
        yield "it is not in the registry"
        return
    if key.owner != owner:
        yield f"it belongs to {key.owner or 'the system'}, not to {owner or 'the system'}"
    if not key.validity.covers(subject.sequence):
        until = key.validity.until_sequence
        yield (
            f"it is valid from sequence {key.validity.from_sequence} "
            f"to {'now' if until is None else until}"
        )


def _signing_key(key: TrustedKey | None, subject: Event) -> Iterator[str]:
    yield from _key(key, subject.agent_id, subject)
    if key is not None and key.sig_alg_version != subject.sig_alg_version:
        yield (
            f"it signs by version {key.sig_alg_version}, and the event says "
            f"version {subject.sig_alg_version}"
        )


def _signature(subject: Event, signable: bytes, keys: Keyring) -> Iterator[str]:
    key = keys.agents.get(subject.signing_key_id)
    if key is None:
        yield f"nothing to verify it with: {subject.signing_key_id} is not in the registry"
        return
    if subject.sig_alg_version == WRITER_SIGNED and keys.ledger_id is None:
        yield "nothing to verify it with: the keys do not say which ledger they belong to"
        return
    message = event.signed_message(signable, subject.sig_alg_version, keys.ledger_id or "")
    try:
        ed25519.verify(key.public_key, message, ed25519.decode(subject.signature))
    except SignatureError as error:
        yield f"key {subject.signing_key_id}: {error}"


def _witness_signature(subject: Event, signable: bytes, keys: Keyring) -> Iterator[str]:
    witness = keys.witnesses.get(subject.witness_id)
    if witness is None:
        yield f"nothing to verify it with: {subject.witness_id} is not in the registry"
        return
    try:
        message = event.witness_message(ed25519.decode(subject.signature), signable)
        ed25519.verify(witness.public_key, message, ed25519.decode(subject.witness_signature))
    except SignatureError as error:
        yield f"{subject.witness_id}: {error}"


def passes_fast(row: Row, keys: Keyring, *, signatures: bool = True) -> bool:
    """Returns True only if the checks of `check_event` find nothing; 7 and 9 only with
    `signatures`."""
    try:
        return _passes(row, keys, signatures)
    except (LedgerError, ValueError, TypeError):
        return False


def _passes(row: Row, keys: Keyring, signatures: bool) -> bool:
    # The columns of FIELDS.
    (event_id, sequence, event_type, payload, prev_hash, content_hash, signature, hash_version,
     sig_version, agent_id, witness_id, attestation, local, authority, key_id, payload_hash,
     salt) = row  # fmt: skip
    if event_type is None or payload is None:  # a superuser's NULLs
        return False
    if event_type.startswith(PREFIX) or event_type == REGISTERED:
        return False  # check 11 applies
    if not have_forms(row, signatures=not signatures):  # 7 and 9 decode them
        return False
    canonical_payload = canonicalize_text(payload, stored=True)
    if event.payload_hash(bytes.fromhex(salt), canonical_payload) != payload_hash:
        return False
    signable = event.signable_content(
        agent_id=agent_id,
        authority_timestamp=authority,
        event_id=event_id,
        event_type=event_type,
        hash_alg_version=hash_version,
        local_timestamp=local,
        payload_hash=payload_hash,
        prev_hash=prev_hash,
        sequence=sequence,
        sig_alg_version=sig_version,
        signing_key_id=key_id,
        witness_id=witness_id,
    )
    if event.content_hash(signable) != content_hash:
        return False
    key, witness = keys.agents.get(key_id), keys.witnesses.get(witness_id)
    if not (_may_sign(key, agent_id, sequence) and _may_sign(witness, witness_id, sequence)):
        return False
    if key is None or key.sig_alg_version != sig_version:
        return False
    if signatures and witness is not None:
        if sig_version == WRITER_SIGNED and keys.ledger_id is None:
            return False
        raw = ed25519.decode(signature)
        signed = event.signed_message(signable, sig_version, keys.ledger_id or "")
        ed25519.verify(key.public_key, signed, raw)
        message = event.witness_message(raw, signable)
        ed25519.verify(witness.public_key, message, ed25519.decode(attestation))
    return True


def _may_sign(key: TrustedKey | None, owner: str | None, sequence: int) -> bool:
    return key is not None and key.owner == owner and key.validity.covers(sequence)
