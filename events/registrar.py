"""`Registrar`: opens a ledger, registers and retires its keys, and sets its drift threshold.

Each change is an event of the system, and the database carries it out in the same transaction
(`events/sql/018_key_history.sql`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, transaction

from events.append.services import writer
from events.append.writer import AtomicEventWriter
from events.errors import CeremonyRefusedError, KeyRegistryError
from events.format import ed25519, key_events
from events.format.canonical import canonicalize, canonicalize_text
from events.format.drift import check_threshold
from events.format.event import Event
from events.keys.signing import PREFIX, new_key_id, refuse_writer_held, witness_id_of
from events.store import registry
from events.store.append import open_append
from events.store.ceremonies import settle
from events.store.connection import constraint, first_line, named_errors
from events.submission import Submission

FIRST_AGENT = "first-agent"
FIRST_WITNESS = PREFIX + "first"

_REFUSALS = {
    "agent_keys_one_active": "the agent has an active key already; rotate it instead",
    "agent_keys_pkey": "this name is taken; a name is never reused",
    "witnesses_pkey": "this name is taken; a new key is a new witness, give it a new name",
    "agent_keys_public_key_key": "this public key is registered already",
    "witnesses_public_key_key": "this public key is registered already",
    "agent_keys_key_id_check": "use letters, digits, dot, dash and underscore",
    "witnesses_witness_id_check": "use WITNESS: and letters, digits, dot, dash and underscore",
    "agent_keys_agent_id_check": "an agent's name has 1 to 200 printable characters",
}


class Registrar:
    """Changes the keys of one ledger, through a writer that signs as its system."""

    def __init__(self, writer: AtomicEventWriter) -> None:
        self.writer = writer
        self.using = writer.using
        self.backend = writer.signing.backend

    def ensure_keys(self) -> list[str]:
        """Open the ledger if it is new, and give it a first agent if it never had one; returns one
        line for each key made.

        Invariant: a retired key is never replaced here; retiring it was somebody's decision.

        Checks without the lock first, so that a halted ledger that has its keys can be served.

        Raises:
            KeyBackendError: a private key cannot be kept.
            SystemHaltedError: CT-11, keys are missing and the ledger is halted.
        """
        if any(key.agent_id is not None for key in registry.list_agent_keys(self.using)):
            return []
        with named_errors(), transaction.atomic(using=self.using):
            # The ledger's lock: of several processes that start at once, one creates the keys.
            open_append(self.using)
            known = {key.agent_id for key in registry.list_agent_keys(self.using)}
            made = [] if None in known else self.open_ledger()
            if not known - {None}:
                made.append(
                    f"created the key {self.create_key(FIRST_AGENT)} of agent {FIRST_AGENT}"
                )
            return made

    def open_ledger(self, witness: str = FIRST_WITNESS) -> list[str]:
        """Write the first event, which names the ledger, the system's first key and the first
        witness; returns a line for each key made.

        Raises:
            CeremonyRefusedError: the ledger is open already.
            KeyBackendError: a private key cannot be kept.
        """
        key_id, witness_id = new_key_id(None), witness_id_of(witness)
        keys = (
            (key_id, ed25519.encode(self.backend.create(key_id))),
            (witness_id, ed25519.encode(self._witness_key(witness_id))),
        )
        with named_errors(), transaction.atomic(using=self.using):
            payload = registry.open_ledger(self.using, *keys)
            self._append(key_events.OPENED, canonicalize_text(payload, stored=True))
        return [f"created the system key {key_id}", f"created the witness {witness_id}"]

    def create_key(self, agent_id: str | None, key_id: str | None = None) -> str:
        """Generate and register the first key of an agent; returns its key_id.

        Raises:
            KeyRegistryError: the agent has an active key, or the name is taken.
            KeyBackendError: the private key cannot be stored.
        """
        key_id = key_id or new_key_id(agent_id)
        if agent_id in registry.active_keys(self.using, [agent_id]):
            raise KeyRegistryError(
                f"key {key_id} is not registered: {_REFUSALS['agent_keys_one_active']}"
            )
        public_key = self.backend.create(key_id)
        self._prove_and_register(
            key_events.registration(
                key_events.role_of(agent_id), key_id, public_key, owner=agent_id
            )
        )
        return key_id

    def rotate_key(self, agent_id: str | None) -> tuple[str, str]:
        """Replace an agent's key with a new one by one event: `(old, new)`. The old key still
        verifies what it signed.

        Raises:
            NoActiveKeyError: the agent has no active key.
            KeyRegistryError: its writer holds the key.
        """
        old, new = self.writer.signing.active_key(agent_id), new_key_id(agent_id)
        refuse_writer_held(self.using, old)
        public_key = self.backend.create(new)
        self._prove_and_register(
            key_events.registration(
                key_events.role_of(agent_id), new, public_key, owner=agent_id, replaces=old
            )
        )
        return old, new

    def register_writer_key(
        self,
        agent_id: str,
        key_id: str,
        public_key: str,
        proof: str,
        replaces: str | None = None,
        replaced_proof: str | None = None,
    ) -> Event:
        """Register a key whose private half its writer keeps, and return the event that does. Keys
        and signatures are base64. `replaces` names the agent's active key.

        `replaced_proof` is a signature over the same bytes as `proof` by the key that is replaced,
        which its writer holds. With it, the writer's own decision is enough at any time.

        Raises:
            KeyRegistryError: a signature does not verify, name or key is taken, or the agent has an
                active key that is not replaced.
        """
        said = key_events.writer_registration(agent_id, key_id, public_key, replaces)
        said["proof"] = proof
        if replaced_proof is not None:
            said["replaced_proof"] = replaced_proof
        return self.register(said)

    def retire_key(self, key_id: str) -> int:
        """Retire a key permanently; returns the last sequence it may have signed.

        Raises:
            KeyRegistryError: there is no such active key, or it is the system's.
        """
        return self._retire(key_id, f"key {key_id}")

    def create_witness(self, name: str) -> str:
        """Generate and register a witness; `name` may come with or without its prefix.

        Raises:
            KeyRegistryError: the name is taken.
            KeyBackendError: the private key cannot be stored.
        """
        return self._create_witness(witness_id_of(name), replaces=None)

    def replace_witness(self, old: str, new: str) -> str:
        """Replace a witness with a new one by one event; returns the new one's id.

        Raises:
            KeyRegistryError: there is no such active witness, or the new name is taken.
            KeyBackendError: the private key cannot be stored.
        """
        if old not in registry.active_witnesses(self.using):
            raise KeyRegistryError(f"witness {old} is not retired: there is no such active witness")
        return self._create_witness(witness_id_of(new), replaces=old)

    def retire_witness(self, witness_id: str) -> int:
        """Retire a witness permanently; returns the last sequence it may have attested.

        Raises:
            KeyRegistryError: there is no such active witness, or it is the last.
        """
        return self._retire(witness_id, f"witness {witness_id}")

    def set_threshold(self, seconds: object) -> Decimal:
        """Set the drift threshold from the next event on, and return it.

        Raises:
            LedgerConfigurationError: not a positive finite number.
        """
        threshold = check_threshold(seconds)
        payload = {"seconds": format(threshold.normalize(), "f")}
        with named_errors(), transaction.atomic(using=self.using):
            self._append(key_events.THRESHOLD_SET, canonicalize(payload))
        return threshold

    def _create_witness(self, witness_id: str, *, replaces: str | None) -> str:
        if any(known.witness_id == witness_id for known in registry.list_witnesses(self.using)):
            raise KeyRegistryError(
                f"witness {witness_id} is not registered: {_REFUSALS['witnesses_pkey']}"
            )
        public_key = self._witness_key(witness_id)
        self._prove_and_register(
            key_events.registration(key_events.WITNESS, witness_id, public_key, replaces=replaces)
        )
        return witness_id

    def _witness_key(self, witness_id: str) -> bytes:
        """Return the public key of a witness. A private key without a witness was left by a process
        that ended between the two steps."""
        known = self.backend.holds(witness_id)
        return (self.backend.public_key if known else self.backend.create)(witness_id)

    def register(self, said: key_events.Registration) -> Event:
        """Register a key with the proof that its holder made, and return the event that does.

        Raises:
            KeyRegistryError: the proof does not verify, name or key is taken, or the owner has an
                active key that it does not replace.
        """
        what = f"{'witness' if said['role'] == key_events.WITNESS else 'key'} {said['id']}"
        with _refusals(f"{what} is not registered"), transaction.atomic(using=self.using):
            key_events.check_proof(said, registry.ledger_id(self.using))
            return self._append(key_events.REGISTERED, canonicalize(said))

    def _prove_and_register(self, said: key_events.Registration) -> None:
        """Register a key whose private half is here."""
        sign = self.backend.signer(said["id"])
        self.register(key_events.proved(said, registry.ledger_id(self.using), sign))

    def _retire(self, key_id: str, what: str) -> int:
        payload = canonicalize({"id": key_id})
        with _refusals(f"{what} is not retired"), transaction.atomic(using=self.using):
            return self._append(key_events.RETIRED, payload).sequence

    def _append(self, event_type: str, payload: bytes) -> Event:
        """Append an event in the caller's transaction, and have the database carry it out."""
        (event,) = self.writer.append_in_transaction(
            [Submission(event_type, payload, agent_id=None)]
        )
        settle(self.using)
        return event


def registrar() -> Registrar:
    """The registrar of this portal's ledger."""
    return Registrar(writer())


@contextmanager
def _refusals(what: str) -> Iterator[None]:
    """Say why the database refused a change of keys."""
    try:
        with named_errors():
            yield
    except KeyRegistryError as error:
        raise KeyRegistryError(f"{what}: {error}") from error
    except CeremonyRefusedError as error:
        if error.check == "ceremony_needed":
            raise
        raise KeyRegistryError(f"{what}: {str(error).removeprefix('CT-13: ')}") from error
    except DatabaseError as error:
        reason: Any = _REFUSALS.get(constraint(error)) or first_line(error)
        raise KeyRegistryError(f"{what}: {reason}") from error
