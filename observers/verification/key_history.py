"""Recomputes keys and people from the events of a chain, for check 12. Reads no database.

The first event names the ledger's first key and its first witness, which sign it; every later key
is registered and retired by an event that the keys before it sign. `KeyHistory` follows these
events and trusts no list of keys. `docs/event-format.md`, "Keys in the chain", describes the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from events.errors import CanonicalJSONError, KeyRegistryError, LedgerError
from events.format import canonical, ed25519, key_events
from events.format.ceremony import PREFIX
from events.format.ceremony_record import ADDITION, REGISTERED
from events.format.event import Event
from events.store.registry import Validity
from observers.verification.keyring import Keyring, TrustedKey
from observers.verification.sound_ceremonies import passes

ROTATION, RETIREMENT, REMOVAL = (
    PREFIX + kind for kind in ("rotate_key", "retire_key", "retire_person")
)
TYPES = (
    key_events.OPENED,
    key_events.REGISTERED,
    key_events.RETIRED,
    REGISTERED,
    ADDITION,
    ROTATION,
    RETIREMENT,
    REMOVAL,
)
"""The events that register and retire keys and people."""
ROLES = (key_events.AGENT, key_events.SYSTEM, key_events.WITNESS)


@dataclass(frozen=True, slots=True)
class ChainKey:
    """A key as the chain tells it. `registered_at` is the event that registers it."""

    role: str
    owner: str | None
    public_key: str
    sig_alg_version: int
    custody: str
    registered_at: int
    from_sequence: int
    until_sequence: int | None = None
    active_from: str = ""
    active_until: str | None = None

    def trusted(self) -> TrustedKey:
        """Returns it as a key to verify with."""
        validity = Validity(
            self.active_from, self.active_until, self.from_sequence, self.until_sequence
        )
        public_key = ed25519.decode(self.public_key)
        return TrustedKey(self.owner, public_key, validity, self.sig_alg_version)


@dataclass
class KeyHistory:
    """The keys of a ledger as its own events register and retire them.

    `keys` are those of agents, of the system and of witnesses by id; `people` by public key.
    `wrong` has the sequence and the fault of each event that changes keys and may not.
    """

    ledger_id: str = ""
    keys: dict[str, ChainKey] = field(default_factory=dict)
    people: dict[str, ChainKey] = field(default_factory=dict)
    wrong: list[tuple[int, str]] = field(default_factory=list)
    _public_keys: set[str] = field(default_factory=set)
    _latest: dict[tuple[str, str | None], str] = field(default_factory=dict)
    """The id of the last key of each role and owner: no other of theirs can be active."""

    def keyring(self) -> Keyring:
        """Returns the keys that the events taken so far give."""
        witness = key_events.WITNESS
        return Keyring(
            agents={k: key.trusted() for k, key in self.keys.items() if key.role != witness},
            witnesses={
                k: replace(key.trusted(), owner=k)
                for k, key in self.keys.items()
                if key.role == witness
            },
            people={k: key.trusted() for k, key in self.people.items()},
            ledger_id=self.ledger_id or None,
        )

    def _keyring_for(self, event: Event) -> Keyring:
        """Returns the keys that an event needs: to build all of them for each event of a long
        history costs its square."""
        signer, witness = self.keys.get(event.signing_key_id), self.keys.get(event.witness_id)
        return KeyHistory(
            self.ledger_id,
            {
                name: key
                for name, key in ((event.signing_key_id, signer), (event.witness_id, witness))
                if key is not None
            },
            self.people,
        ).keyring()

    @property
    def genesis(self) -> str | None:
        """The fingerprint of the system's first key; None where no event opens the ledger."""
        return next(
            (
                key_events.fingerprint(key.public_key)
                for key in self.keys.values()
                if (key.role, key.registered_at) == (key_events.SYSTEM, 1)
            ),
            None,
        )

    def take(self, event: Event) -> None:
        """Follows one event of `TYPES`, in order of sequence. One that is not sound, or that
        decides what it may not, changes nothing and is noted in `wrong`."""
        if event.agent_id is not None:
            return  # no decision of the system; check 11 refuses ceremonies of agents
        try:
            said = canonical.parse(event.payload, stored=True).value
            if event.event_type == key_events.OPENED:
                self._open(event, said)
                return
            if not passes(event, self._keyring_for(event)):
                raise KeyRegistryError("it does not pass its own checks with the keys before it")
            self._follow(event, said)
        except (CanonicalJSONError, KeyRegistryError) as error:
            self.wrong.append((event.sequence, str(error)))
        except (AttributeError, KeyError, TypeError, ValueError, LedgerError):
            self.wrong.append((event.sequence, "its payload does not have the required form"))

    def _open(self, event: Event, said: Any) -> None:
        system, witness = said["system_key"], said["witness"]
        if self.keys or event.sequence != 1:
            raise KeyRegistryError("only the first event opens a ledger")
        found = {
            "format_version": key_events.FORMAT_VERSION,
            "ledger_id": str(said["ledger_id"]),
            "system_key": {"key_id": system["key_id"], "public_key": system["public_key"]},
            "witness": {
                "witness_id": witness["witness_id"],
                "public_key": witness["public_key"],
            },
        }
        if said != found:
            raise KeyRegistryError("it does not name a ledger, its first key and its first witness")
        opened = KeyHistory(said["ledger_id"])
        for role, key_id, public_key in (
            (key_events.SYSTEM, system["key_id"], system["public_key"]),
            (key_events.WITNESS, witness["witness_id"], witness["public_key"]),
        ):
            opened.keys[key_id] = ChainKey(
                role, None, public_key, 1, key_events.SERVER, 1, 1, None, event.authority_timestamp
            )
        if not passes(event, opened.keyring()):
            raise KeyRegistryError("it is not signed and attested by the two keys that it names")
        self.ledger_id = opened.ledger_id
        for key_id, key in opened.keys.items():
            self._put(key_id, key)

    def _follow(self, event: Event, said: Any) -> None:
        if event.event_type == key_events.REGISTERED:
            self._register(event, said)
        elif event.event_type == key_events.RETIRED:
            self._require_setting_up("a retirement")
            self._retire(event, said["id"])
        elif event.event_type == REGISTERED:
            self._require_setting_up("a person")
            self._add_person(event, said)
        else:
            details = said["proposal"]["details"]
            if event.event_type == ADDITION:
                self._add_person(event, details)
            elif event.event_type == REMOVAL:
                self._remove_person(event, details["person"])
            elif event.event_type == RETIREMENT:
                self._retire(event, details["old_key"])
            else:
                self._rotate(event, details)

    def _register(self, event: Event, said: Mapping[str, Any]) -> None:
        role, owner = said["role"], said["owner"]
        if role not in ROLES or (role == key_events.AGENT) != isinstance(owner, str):
            raise KeyRegistryError(f"it registers a key of the role {role} for {owner}")
        if said["custody"] not in (key_events.SERVER, key_events.WRITER) or (
            role != key_events.AGENT and said["custody"] != key_events.SERVER
        ):
            raise KeyRegistryError(f"it leaves a key of the role {role} to a {said['custody']}")
        known = (role, owner) in self._latest
        if said["role"] == key_events.WITNESS or (known and "replaced_proof" not in said):
            self._require_setting_up("another key of somebody who had one")
        if "replaced_proof" in said:
            self._check_replaced(said)
        expected = key_events.registration(
            said["role"],
            said["id"],
            said["public_key"],
            owner=said["owner"],
            custody=said["custody"],
            replaces=said.get("replaces"),
        )
        if {n: value for n, value in said.items() if n not in key_events.PROOFS} != expected:
            raise KeyRegistryError("it does not have exactly the members of a registration")
        self._add_key(event, said)

    def _check_replaced(self, said: Mapping[str, Any]) -> None:
        old = self.keys.get(said["replaces"])
        if old is None or not _is_active(old) or old.custody != key_events.WRITER:
            raise KeyRegistryError(f"{said['replaces']} is not an active key that its writer holds")
        key_events.check_replaced_proof(said, old.public_key, self.ledger_id)

    def _rotate(self, event: Event, details: Mapping[str, Any]) -> None:
        old = self.keys.get(details["old_key"])
        if old is None:
            raise KeyRegistryError(f"it replaces {details['old_key']}, which is no key")
        said = key_events.registration(
            old.role,
            details["new_key"],
            details["new_public_key"],
            owner=old.owner,
            custody=old.custody,
            replaces=details["old_key"],
        )
        self._add_key(event, {**said, "proof": details["proof"]}, retired=not _is_active(old))

    def _add_key(self, event: Event, said: Mapping[str, Any], *, retired: bool = False) -> None:
        """Add a key, and retire the one that it replaces, unless that is retired already."""
        key_events.check_proof(said, self.ledger_id)
        key_id, role, owner = said["id"], said["role"], said["owner"]
        replaces = said.get("replaces")
        if (role == key_events.WITNESS) != key_id.startswith("WITNESS:"):
            raise KeyRegistryError(f"{key_id} does not name a key of the role {role}")
        if key_id in self.keys or said["public_key"] in self._public_keys:
            raise KeyRegistryError(f"{key_id} or its public key was registered before")
        if replaces is not None and not retired:
            old = self.keys.get(replaces)
            if old is None or (old.role, old.owner) != (role, owner):
                raise KeyRegistryError(f"it replaces {replaces}, which is not a key of the same")
            self._retire(event, replaces)
        latest = self._latest.get((role, owner))
        if role != key_events.WITNESS and latest and _is_active(self.keys[latest]):
            raise KeyRegistryError(f"{owner or 'the system'} has an active key already")
        self._put(
            key_id,
            ChainKey(
                role,
                owner,
                said["public_key"],
                said["sig_alg_version"],
                said["custody"],
                event.sequence,
                event.sequence + 1,
                None,
                event.authority_timestamp,
            ),
        )

    def _put(self, key_id: str, key: ChainKey) -> None:
        self.keys[key_id] = key
        self._public_keys.add(key.public_key)
        self._latest[key.role, key.owner] = key_id

    def _retire(self, event: Event, key_id: str) -> None:
        old = self.keys.get(key_id)
        if old is None or not _is_active(old):
            raise KeyRegistryError(f"it retires {key_id}, which is not an active key")
        self.keys[key_id] = replace(
            old, until_sequence=event.sequence, active_until=event.authority_timestamp
        )

    def _add_person(self, event: Event, said: Mapping[str, Any]) -> None:
        person, public_key = str(said["person"]), said["public_key"]
        if public_key in self.people:
            raise KeyRegistryError(f"the key of {person} was registered before")
        self.people[public_key] = ChainKey(
            "person", person, public_key, 1, key_events.WRITER, event.sequence, event.sequence + 1
        )

    def _remove_person(self, event: Event, person: str) -> None:
        for public_key, known in self.people.items():
            if known.owner == person and _is_active(known):
                self.people[public_key] = replace(known, until_sequence=event.sequence)

    def _require_setting_up(self, what: str) -> None:
        if len({key.owner for key in self.people.values()}) >= 3:
            raise KeyRegistryError(
                f"{what} takes a ceremony: three people are registered before it"
            )


def _is_active(key: ChainKey) -> bool:
    return key.until_sequence is None


def history_of(events: Iterable[Event]) -> KeyHistory:
    """Follows the events of `TYPES` among these, which are in order of sequence."""
    history = KeyHistory()
    for event in events:
        if event.event_type in TYPES:
            history.take(event)
    return history
