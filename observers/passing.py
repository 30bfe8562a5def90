"""Whether an event passes checks 2 to 4 and 6 to 9, asked of a row as it comes: a quick yes.

It must never say yes where `observers.checks` finds something. A no means only that those have to
be asked, which say what is wrong.
"""

from __future__ import annotations

from events import ed25519, event
from events.canonical import canonicalize_text
from events.ceremony import PREFIX
from events.ceremony_record import REGISTERED
from events.errors import LedgerError
from events.store.rows import Row
from observers.forms import have_forms
from observers.keyring import Keyring, TrustedKey


def passes(row: Row, keys: Keyring, *, signatures: bool = True) -> bool:
    """Whether every check that an event shows by itself passes; 7 and 9 only with `signatures`."""
    try:
        return _passes(row, keys, signatures)
    except (LedgerError, ValueError, TypeError):
        return False


def _passes(row: Row, keys: Keyring, signatures: bool) -> bool:
    # The columns of FIELDS.
    (event_id, sequence, event_type, payload, prev_hash, content_hash, signature, hash_version,
     sig_version, agent_id, witness_id, attestation, local, authority, key_id, payload_hash,
     salt) = row  # fmt: skip
    if event_type is None or event_type.startswith(PREFIX) or event_type == REGISTERED:
        return False  # who holds ceremonies, and the record of one, have a check of their own
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
    if signatures and key is not None and witness is not None:
        raw = ed25519.decode(signature)
        ed25519.verify(key.public_key, event.agent_message(signable), raw)
        message = event.witness_message(raw, signable)
        ed25519.verify(witness.public_key, message, ed25519.decode(attestation))
    return True


def _may_sign(key: TrustedKey | None, owner: str | None, sequence: int) -> bool:
    return key is not None and key.owner == owner and key.validity.covers(sequence)
