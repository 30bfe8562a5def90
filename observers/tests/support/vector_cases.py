"""Events that every verifier must judge alike: the published vectors, good and bad, and a writer's
event with each of the nine members that it signed changed by one bit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from events.format import ed25519, event
from events.format.canonical import canonicalize
from events.format.event import FIELDS, Event
from observers.tests.support.vector_events import SIGNED, VECTOR_FOLDER

V1, V2 = (
    json.loads((VECTOR_FOLDER / f"event-v{version}.json").read_text(encoding="utf-8"))
    for version in (1, 2)
)
WITNESS = bytes.fromhex(V2["witness_key"]["private_key_hex"])
SUBMITTED = (
    "agent_id",
    "event_id",
    "event_type",
    "hash_alg_version",
    "ledger_id",
    "local_timestamp",
    "payload_hash",
    "sig_alg_version",
    "signing_key_id",
)
"""The members that a writer signs."""


@dataclass(frozen=True)
class Case:
    """An event in JSON, its keys as `GET /api/v1/keys` lists them, and the checks that fail."""

    name: str
    event: dict[str, Any]
    keys: dict[str, Any]
    failing: frozenset[str]

    @property
    def stored(self) -> Event:
        """The event as a row of the ledger."""
        return Event(**self.event | {"payload": canonicalize(self.event["payload"]).decode()})

    @property
    def row(self) -> tuple[Any, ...]:
        """Its columns."""
        return tuple(getattr(self.stored, name) for name in FIELDS)


def cases() -> list[Case]:
    """Returns every case."""
    return [*_published(), *_flipped()]


def _published() -> Iterator[Case]:
    for vector in V1["events"]:
        said = vector["event"]
        # Its approvals bear no signatures.
        failing = {"ceremony"} if said["event_type"].startswith("ceremony.") else set()
        key = V1["agent_key"] | {"agent_id": said["agent_id"], "sig_alg_version": 1}
        yield _case(f"version 1, {said['event_type']}", said, [key], V2["ledger_id"], failing)
    for vector in V2["events"]:
        said = vector["event"]
        yield _case(f"version 2, event {said['sequence']}", said, V2["keys"], V2["ledger_id"], [])
    for vector in V2["must_fail"]:
        yield _case(vector["why"], vector["event"], V2["keys"], V2["ledger_id"], vector["fails"])


def _flipped() -> Iterator[Case]:
    """Yields a writer's event with a changed member, hashed and witnessed again by somebody who has
    every other key; the writer's key is listed for what the event then says."""
    published = V2["events"][0]["event"]
    (key,) = (each for each in V2["keys"] if each["key_id"] == published["signing_key_id"])
    others = {
        "hash_alg_version": {"format"},
        "sig_alg_version": {"format"},
        "payload_hash": {"payload_hash"},
    }
    for member in SUBMITTED:
        said = dict(published) | {"ledger_id": V2["ledger_id"]}
        said[member] = one_bit_off(said[member])
        ledger_id = said.pop("ledger_id")
        signable = event.signable_content(**{name: said[name] for name in SIGNED})
        attested = event.witness_message(ed25519.decode(said["signature"]), signable)
        said["content_hash"] = event.content_hash(signable)
        said["witness_signature"] = ed25519.encode(ed25519.sign(WITNESS, attested))
        named = {
            "key_id": said["signing_key_id"],
            "agent_id": said["agent_id"],
            "sig_alg_version": said["sig_alg_version"],
        }
        failing = {"signature"} | others.get(member, set())
        yield _case(f"{member} one bit off", said, [key | named], ledger_id, failing)


def one_bit_off(value: Any) -> Any:
    """Flips the lowest bit of a number, or of the last letter or digit that keeps the form."""
    if isinstance(value, int):
        return value ^ 1
    at = -2 if value.endswith("Z") else -1
    flipped = chr(ord(value[at]) ^ 1)
    return value[:at] + flipped + value[at:][1:]


def _case(
    name: str,
    said: dict[str, Any],
    keys: list[dict[str, Any]],
    ledger_id: str,
    failing: Any,
) -> Case:
    validity = {
        "active_from": "2026-01-01T00:00:00.000000Z",
        "active_until": None,
        "from_sequence": 1,
        "until_sequence": None,
    }
    listed = {
        "ledger_id": ledger_id,
        "agents": [
            {
                "key_id": key["key_id"],
                "agent_id": key["agent_id"],
                "sig_alg_version": key["sig_alg_version"],
                "public_key": ed25519.encode(bytes.fromhex(key["public_key_hex"])),
                **validity,
            }
            for key in keys
        ],
        "witnesses": [
            {
                "witness_id": V2["witness_key"]["witness_id"],
                "public_key": ed25519.encode(bytes.fromhex(V2["witness_key"]["public_key_hex"])),
                **validity,
            }
        ],
        "people": [],
    }
    return Case(name, said, listed, frozenset(failing))
