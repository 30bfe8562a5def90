"""`SigningService` and `WitnessService`: sign and attest events (CT-12).

Active keys are cached. That is safe because a trigger checks the key of every inserted row: a
caller whose write is refused calls `forget` and retries.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from events.errors import (
    FieldError,
    InvalidSubmissionError,
    KeyBackendError,
    KeyRegistryError,
    NoActiveKeyError,
    WitnessUnavailableError,
    WriterHeldKeyError,
)
from events.format import key_events
from events.keys.backend import KeyBackend, Sign
from events.store import registry
from events.submission import SIGNED, Submission


def new_key_for(backend: KeyBackend, using: str, old: str) -> dict[str, str]:
    """Generate the successor of the key or witness `old`, before a ceremony decides on it; returns
    `new_key`, `new_public_key` and the `proof` that the new key makes.

    The private key stays in `backend`. Nothing is registered: the ceremony's record does that.

    Raises:
        KeyRegistryError: there is no such key, or its writer holds it.
    """
    refuse_writer_held(using, old)
    owner: str | None = None
    if old.startswith(PREFIX):
        known = old in {each.witness_id for each in registry.list_witnesses(using)}
        role, name = key_events.WITNESS, f"{old}-{secrets.token_hex(3)}"
    else:
        owners = {key.key_id: key.agent_id for key in registry.list_agent_keys(using)}
        known, owner = old in owners, owners.get(old)
        role, name = key_events.role_of(owner), new_key_id(owner)
    if not known:
        raise KeyRegistryError(f"there is no key {old}")
    said = key_events.registration(role, name, backend.create(name), owner=owner, replaces=old)
    proof = key_events.proved(said, registry.ledger_id(using), backend.signer(name))["proof"]
    return {"new_key": name, "new_public_key": said["public_key"], "proof": proof}


def is_writer_held(using: str, key_id: str) -> bool:
    """True if the private half of this key is with its writer."""
    known = registry.signing_keys(using, [key_id])
    return key_id in known and known[key_id].custody == key_events.WRITER


def refuse_writer_held(using: str, key_id: str) -> None:
    """Refuse to make the successor of a key that its writer holds.

    Raises:
        KeyRegistryError: its writer holds the key.
    """
    if is_writer_held(using, key_id):
        raise KeyRegistryError(
            f"key {key_id} is held by its writer, who makes the successor and its proof "
            f"(`python -m events.keys.writer_key`)"
        )


MAX_KNOWN = 100_000
"""Agents whose signers are cached at once."""


@dataclass(frozen=True, slots=True)
class Signer:
    """One agent's current key, ready to sign."""

    key_id: str
    sign: Sign
    by_writer: bool = False
    """True if the private half is with the writer, so that `sign` only raises."""


class SigningService:
    """The agents' keys: the registry in the database, the private keys in `backend`."""

    def __init__(self, backend: KeyBackend, using: str = "default") -> None:
        self.backend = backend
        self.using = using
        self._known: dict[str | None, Signer] = {}

    def signers(self, agent_ids: Iterable[str | None]) -> dict[str | None, Signer]:
        """A signer for each agent, from the cache where possible; None is the system.

        Raises:
            NoActiveKeyError: an agent has no active key, or its private key is not here.
        """
        wanted = set(agent_ids)
        if unknown := wanted - self._known.keys():
            self._look_up(unknown)
        return {agent: self._known[agent] for agent in wanted}

    def signers_of(self, submissions: Sequence[Submission]) -> dict[str | None, Signer]:
        """A signer for each agent of these submissions. Whoever holds an agent's key has signed.

        Raises:
            NoActiveKeyError: an agent has no active key, or its private key is not here.
            WriterHeldKeyError: only its writer can sign, and has not.
            InvalidSubmissionError: it is signed with another key than the active one.
        """
        signers = self.signers(submission.agent_id for submission in submissions)
        if stale := {s.agent_id for s in submissions if _wrong(s, signers[s.agent_id])}:
            for agent in stale:  # the key may have been replaced meanwhile
                self._known.pop(agent, None)
            signers |= self.signers(stale)
        for place, submission in enumerate(submissions):
            if wrong := _wrong(submission, signers[submission.agent_id]):
                if submission.signed is None:
                    raise WriterHeldKeyError(wrong)
                where = place if len(submissions) > 1 else None
                raise InvalidSubmissionError([FieldError("/signing_key_id", wrong, where)])
        return signers

    def forget(self) -> None:
        """Clear the cache, after a key was refused."""
        self._known.clear()

    def _look_up(self, agents: set[str | None]) -> None:
        if len(self._known) > MAX_KNOWN:
            self._known.clear()
        active = registry.active_keys(self.using, agents)
        for agent in sorted(agents - active.keys(), key=str):
            raise NoActiveKeyError(f"{_named(agent)} has no active signing key")
        keys = registry.signing_keys(self.using, active.values())
        for agent, key_id in active.items():
            if keys[key_id].custody == key_events.WRITER:
                self._known[agent] = Signer(key_id, _signed_by_writer, by_writer=True)
            else:
                self._known[agent] = Signer(key_id, self._private_half(agent, key_id))

    def active_key(self, agent_id: str | None) -> str:
        """The key_id that an agent signs with now.

        Raises:
            NoActiveKeyError: it has none.
        """
        try:
            return registry.active_keys(self.using, [agent_id])[agent_id]
        except KeyError:
            raise NoActiveKeyError(f"{_named(agent_id)} has no active signing key") from None

    def _private_half(self, agent_id: str | None, key_id: str) -> Sign:
        try:
            return self.backend.signer(key_id)
        except KeyBackendError as error:
            raise NoActiveKeyError(f"{_named(agent_id)} cannot sign: {error}") from error


def _signed_by_writer(_message: bytes) -> bytes:
    raise WriterHeldKeyError("the writer holds this key")


def _wrong(submission: Submission, signer: Signer) -> str:
    """The reason why a submission cannot be appended with the agent's active key, or ""."""
    signed, agent = submission.signed, _named(submission.agent_id)
    if signed is None and signer.by_writer:
        return (
            f"{agent} signs its own events with {signer.key_id}: nobody else can write for it, "
            f"and {', '.join(SIGNED)} are required"
        )
    if signed is not None and (signed.key_id != signer.key_id or not signer.by_writer):
        return f"is not the active key of {agent}, which is {signer.key_id}"
    return ""


def new_key_id(agent_id: str | None) -> str:
    """A fresh key name: the printable part of the agent's name, and 12 random hex digits."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", agent_id or "system").strip("-")[:40] or "agent"
    return f"{readable}-{secrets.token_hex(6)}"


def _named(agent_id: str | None) -> str:
    return "the system" if agent_id is None else f"agent {agent_id!r}"


PREFIX = "WITNESS:"


def witness_id_of(name: str) -> str:
    """The id of a witness whose name may come with or without its prefix."""
    return name if name.startswith(PREFIX) else PREFIX + name


REMEMBERED_SECONDS = 10.0
"""Cache lifetime: how long it may take until a new witness is used."""


@dataclass(frozen=True, slots=True)
class Attestor:
    """One active witness, ready to attest."""

    witness_id: str
    sign: Sign


class WitnessService:
    """The witnesses: the registry in the database, the private keys in `backend`."""

    def __init__(self, backend: KeyBackend, using: str = "default") -> None:
        self.backend = backend
        self.using = using
        self._known: list[Attestor] = []
        self._known_since = 0.0

    def attestor(self) -> Attestor:
        """A random one of the active witnesses whose private key is here. Cached for
        `REMEMBERED_SECONDS`.

        Raises:
            WitnessUnavailableError: RT-1, there is none.
        """
        if not self._known or time.monotonic() - self._known_since > REMEMBERED_SECONDS:
            self._known = self._look_up()
            self._known_since = time.monotonic()
        return secrets.choice(self._known)

    def forget(self) -> None:
        """Clear the cache, after a witness was refused."""
        self._known = []

    def _look_up(self) -> list[Attestor]:
        active = registry.active_witnesses(self.using)
        here = [
            Attestor(witness_id, self.backend.signer(witness_id))
            for witness_id in active
            if self.backend.holds(witness_id)
        ]
        if here:
            return here
        raise WitnessUnavailableError(
            "RT-1: no witness is available, so nothing is written: "
            + (f"no private key of {', '.join(active)} is here" if active else "none is active")
        )
