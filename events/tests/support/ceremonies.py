"""People with keys of their own, and ceremonies held by them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from events import ceremonies
from events.append.services import key_backend, owner_writer, writer
from events.ceremonies import complete_details
from events.format import ed25519
from events.format.canonical import canonicalize
from events.format.ceremony import APPROVED, PROPOSED, Proposal, possession
from events.format.event import Event
from events.people import register_first
from events.submission import Submission
from events.tests.support.ledger import Ledger

NAMES = ("Ada", "Bela", "Cleo")


@dataclass(frozen=True)
class Person:
    """Somebody with a private key that the portal never sees."""

    name: str
    seed: bytes

    @property
    def public_key(self) -> str:
        return ed25519.encode(ed25519.public_key(self.seed))

    @property
    def proof(self) -> str:
        """The signature that shows that this person has the key."""
        message = possession(self.name, self.public_key)
        return ed25519.encode(ed25519.sign(self.seed, message))

    @property
    def details(self) -> dict[str, str]:
        """Return the details of a ceremony that adds this person."""
        return {"person": self.name, "public_key": self.public_key, "proof": self.proof}

    def sign(self, proposal: Proposal, step: str) -> str:
        """The signature of what this person says of a proposal."""
        return ed25519.encode(ed25519.sign(self.seed, proposal.statement(step, self.name)))

    def propose(self, kind: str, details: Mapping[str, Any], reason: str = "a test") -> Proposal:
        """A proposal of this person's, kept."""
        proposal = ceremonies.draft(kind, reason, details)
        self.say(proposal, PROPOSED)
        return proposal

    def say(self, proposal: Proposal, step: str = APPROVED) -> None:
        """Say one thing of a proposal, signed."""
        ceremonies.speak(
            "default",
            proposal,
            step=step,
            person=self.name,
            signature=self.sign(proposal, step),
        )


@cache
def person(name: str) -> Person:
    """The same person in every test."""
    return Person(name, secrets.token_bytes(32))


def register(*names: str) -> list[Person]:
    """Register people as an operator does: each leaves an event."""
    people = [person(name) for name in names or NAMES]
    for each in people:
        register_first(owner_writer(), each.name, each.public_key, each.proof)
    return people


def three_people(ledger: Ledger) -> list[Person]:
    """Ada, Bela and Cleo, each of whom an event registers now unless one has before."""
    known = {name for (name,) in ledger.query("SELECT person FROM person_keys")}
    missing = [name for name in NAMES if name not in known]
    if missing:
        register(*missing)
    return [person(name) for name in NAMES]


def halt_details() -> dict[str, Any]:
    """Return the details of a ceremony that clears the present halt."""
    return complete_details("clear_halt", {}, using="default", backend=key_backend())


def hold(ledger: Ledger, kind: str, details: Mapping[str, Any], reason: str = "a test") -> Event:
    """A whole ceremony: proposed by the first, approved by the two others, recorded."""
    proposer, *others = three_people(ledger)
    proposal = proposer.propose(kind, details, reason)
    for other in others:
        other.say(proposal)
    return ceremonies.record(writer(), proposal.ceremony_id)


def document_gap(ledger: Ledger, first: int, last: int, reason: str = "lost with a disk") -> Event:
    """The ceremony that explains why first … last are missing."""
    return hold(ledger, "sequence_skip", {"first": first, "last": last}, reason)


def forge(ledger: Ledger, payload: Any, event_type: str = "ceremony.sequence_skip") -> Event:
    """An event that looks like a ceremony and is none, written past the database's guard."""
    with guard_off(ledger, "events", "carry_out_ceremony_at_commit"):
        submission = Submission(event_type, canonicalize(payload), agent_id=None)
        return writer().write_event(submission).event


@contextmanager
def guard_off(ledger: Ledger, table: str, trigger: str) -> Iterator[Any]:
    """A superuser's connection with one trigger switched off."""
    with ledger.connect("postgres") as superuser:
        superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        yield superuser
        superuser.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")
