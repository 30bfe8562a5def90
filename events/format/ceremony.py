"""Ceremonies: the proposal as a text, and the bytes that people sign (CT-13).

Pure. `docs/event-format.md` describes the same bytes for outsiders.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from events.errors import CanonicalJSONError, CeremonyRefusedError
from events.format import canonical, ed25519, names

PREFIX = "ceremony."
CONTEXT = "audit-portal ceremony v1\n"
POSSESSION = "audit-portal person v1\n"
APPROVALS = 2
"""Approvals needed besides the proposer."""

PROPOSED, APPROVED, REJECTED, RECORDED = "proposed", "approved", "rejected", "recorded"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of ceremony: name without prefix, title, and the meaning of each detail."""

    name: str
    title: str
    details: Mapping[str, str]

    @property
    def event_type(self) -> str:
        """The type of the event that records it."""
        return PREFIX + self.name


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "clear_halt",
            "Clear the halt",
            {
                "halted_at": "time of the halt",
                "halt_reason": "its reason",
                "unwritten": "events that are written before it",
            },
        ),
        Kind(
            "sequence_skip",
            "Document missing numbers",
            {"first": "first missing number", "last": "last missing number"},
        ),
        Kind(
            "erase_payload",
            "Erase a payload",
            {
                "sequence": "sequence of the event",
                "event_id": "its event_id",
                "payload_hash": "its payload_hash",
            },
        ),
        Kind(
            "rotate_key",
            "Replace a key or a witness",
            {
                "old_key": "key_id or witness_id to retire",
                "new_key": "name of the new one",
                "new_public_key": "its public key",
                "proof": "the new key's signature over its own registration",
            },
        ),
        Kind(
            "retire_key",
            "Retire a key or a witness",
            {"old_key": "key_id or witness_id to retire"},
        ),
        Kind("drift_threshold", "Change the drift threshold", {"seconds": "seconds"}),
        Kind(
            "add_person",
            "Add a person",
            {"person": "name", "public_key": "public key", "proof": "signature by that key"},
        ),
        Kind("retire_person", "Retire a person", {"person": "name"}),
    )
}
ERASURE = PREFIX + "erase_payload"
MATCHED = "payload_matched"
"""An extra detail of an erasure, only ever false: the payload had been changed before it was
erased."""

_NUMBERS = frozenset({"first", "last", "sequence"})
_LISTS = frozenset({"unwritten"})
_PUBLIC_KEYS = frozenset({"new_public_key", "public_key"})


@dataclass(frozen=True, slots=True)
class Voice:
    """One person's signed step in a ceremony. `public_key` and `signature` are base64."""

    person: str
    step: str
    public_key: str
    signature: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal; `text` is its canonical JSON, which is what is signed."""

    ceremony_id: str
    kind: str
    reason: str
    details: Mapping[str, Any]
    text: str

    @property
    def shown_details(self) -> list[tuple[str, str]]:
        """The details by name for display, in the order in which the kind names them; values
        other than text as canonical JSON."""
        order = tuple(KINDS[self.kind.removeprefix(PREFIX)].details)
        names = sorted(self.details, key=lambda name: (*order, name).index(name))
        return [
            (name, value if isinstance(value, str) else canonical.canonicalize(value).decode())
            for name, value in ((name, self.details[name]) for name in names)
        ]

    @property
    def hash(self) -> str:
        """hex(SHA-256(text)), which identifies the proposal in a vote."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def caution(self) -> str:
        """A warning to show before signing; "" if there is none."""
        if self.details.get(MATCHED) is not False:
            return ""
        return (
            f"The payload of event {self.details['sequence']} is not what was signed: it does not "
            "hash to its payload_hash. Erasing it also removes the text put in its place, which is "
            "evidence; the record keeps saying that it did not match."
        )

    def statement(self, step: str, person: str) -> bytes:
        """The bytes that `person` signs to propose, approve or reject this."""
        return f"{CONTEXT}{step}\n{person}\n{self.text}".encode()

    def verify(self, voice: Voice) -> None:
        """Verify a person's signature of this proposal.

        Raises:
            CeremonyRefusedError: the voice's signature is not of this proposal, step and person.
        """
        try:
            ed25519.verify(
                ed25519.decode(voice.public_key),
                self.statement(voice.step, voice.person),
                ed25519.decode(voice.signature),
            )
        except ed25519.SignatureError as error:
            raise CeremonyRefusedError(
                f"CT-13: the signature of {voice.person} is not of what was {voice.step}: {error}",
                "signature",
            ) from None


def possession(person: str, public_key: str) -> bytes:
    """The bytes that a person signs with a new key to prove possession of it."""
    return f"{POSSESSION}{person}\n{public_key}".encode()


def check_possession(person: str, public_key: str, proof: str) -> None:
    """Check the proof of possession of a new key.

    Raises:
        CeremonyRefusedError: the key is not usable, or the proof is not its signature of this name.
    """
    check_public_key(public_key)
    try:
        ed25519.verify(
            ed25519.decode(public_key), possession(person, public_key), ed25519.decode(proof)
        )
    except ed25519.SignatureError as error:
        raise CeremonyRefusedError(
            f"CT-13: the proof is not a signature by the key of {person}: {error}", "proof"
        ) from None


def propose(ceremony_id: str, kind: str, reason: str, details: Mapping[str, Any]) -> Proposal:
    """Build a new proposal.

    Raises:
        CeremonyRefusedError: the kind is unknown, the reason empty, or the details are not those
            of the kind.
    """
    if kind not in KINDS:
        raise CeremonyRefusedError(f"CT-13: unknown ceremony {kind}", "kind")
    document = {
        "ceremony_id": ceremony_id,
        "details": dict(details),
        "kind": KINDS[kind].event_type,
        "reason": names.normal(reason),
    }
    try:
        return read_proposal(canonical.canonicalize(document).decode())
    except CanonicalJSONError as error:
        raise CeremonyRefusedError(f"CT-13: the proposal: {error}", "details") from None


def read_proposal(text: str) -> Proposal:
    """Parse a proposal from its canonical text, and check that every text in it can be shown.

    Raises:
        CeremonyRefusedError: not a proposal, or a text in it cannot be shown as it is.
    """
    try:
        document = canonical.parse(text, stored=True).value
        if canonical.canonicalize(document).decode() != text:
            raise CeremonyRefusedError("CT-13: the proposal is not in canonical form", "proposal")
    except CanonicalJSONError as error:
        raise CeremonyRefusedError(
            f"CT-13: the proposal is not JSON: {error}", "proposal"
        ) from None
    proposal = proposal_of(document, text)
    if wrong := names.wrong_reason(proposal.reason):
        raise CeremonyRefusedError(f"CT-13: the reason {wrong}", "reason")
    _check_texts(proposal.ceremony_id, "ceremony_id")
    _check_texts(proposal.details, "details")
    return proposal


def _check_texts(value: Any, name: str) -> None:
    """Check every text that people read in the details, including the keys of objects."""
    if isinstance(value, str):
        check = names.wrong_name if name == "person" else names.wrong_reason
        if wrong := check(value):
            raise CeremonyRefusedError(f"CT-13: {name} of the proposal {wrong}", "details")
    elif isinstance(value, list):
        for each in value:
            _check_texts(each, name)
    elif isinstance(value, dict):
        for key, each in value.items():
            _check_texts(key, "a name")
            _check_texts(each, key)


def proposal_of(document: Any, text: str | None = None) -> Proposal:
    """Parse a proposal from its JSON object, as an event's payload holds it.

    Raises:
        CeremonyRefusedError: not a proposal.
    """
    members = {"ceremony_id": str, "details": dict, "kind": str, "reason": str}
    if not isinstance(document, dict) or set(document) != set(members):
        raise CeremonyRefusedError(
            f"CT-13: a proposal has exactly {', '.join(members)}", "proposal"
        )
    for name, kind in members.items():
        if not isinstance(document[name], kind):
            raise CeremonyRefusedError(f"CT-13: {name} of the proposal has the wrong type", name)
    name = document["kind"].removeprefix(PREFIX)
    if name not in KINDS or document["kind"] != PREFIX + name:
        raise CeremonyRefusedError(f"CT-13: unknown ceremony {document['kind']}", "kind")
    _check_details(KINDS[name], document["details"])
    text = canonical.canonicalize(document).decode() if text is None else text
    return Proposal(
        document["ceremony_id"], document["kind"], document["reason"], document["details"], text
    )


def _check_details(kind: Kind, details: Mapping[str, Any]) -> None:
    if kind.event_type == ERASURE and details.get(MATCHED) is False:
        details = {name: value for name, value in details.items() if name != MATCHED}
    if set(details) != set(kind.details):
        raise CeremonyRefusedError(
            f"CT-13: a {kind.event_type} needs exactly {', '.join(kind.details)}", "details"
        )
    for name, value in details.items():
        expected: type = int if name in _NUMBERS else list if name in _LISTS else str
        if type(value) is not expected:
            raise CeremonyRefusedError(f"CT-13: {name} has the wrong type", "details")
        if name in _PUBLIC_KEYS:
            check_public_key(details[name], "details")


def check_public_key(text: str, check: str = "public_key") -> None:
    """Check a base64 public key.

    Raises:
        CeremonyRefusedError: not standard base64 of 32 bytes, or not a usable key.
    """
    try:
        ed25519.decode_key(text)
    except ed25519.SignatureError as error:
        raise CeremonyRefusedError(
            f"CT-13: a public key is standard base64 of 32 bytes: {error}", check
        ) from None


def read_details(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Parse the details of a kind from texts, as a form or a command line gives them. A value that
    the ledger itself filled in may be a list.

    Raises:
        CeremonyRefusedError: one is missing, unknown, or not a number where one is needed.
    """
    wanted = KINDS[kind].details
    if wrong := sorted(set(given) ^ set(wanted)):
        raise CeremonyRefusedError(
            f"CT-13: a {PREFIX}{kind} needs exactly {', '.join(wanted)}; "
            f"missing or unknown: {', '.join(wrong)}",
            "details",
        )
    details: dict[str, Any] = {
        name: names.normal(value) if isinstance(value, str) else value
        for name, value in given.items()
    }
    for name in _NUMBERS & set(details):
        if not re.fullmatch("[0-9]{1,16}", details[name]):
            raise CeremonyRefusedError(f"CT-13: {name} is not a sequence number", name)
        details[name] = int(details[name])
    if "seconds" in details:
        details["seconds"] = _seconds(details["seconds"])
    return details


def _seconds(text: str) -> str:
    try:
        seconds = Decimal(text)
    except InvalidOperation:
        raise CeremonyRefusedError("CT-13: seconds is not a number", "seconds") from None
    if not seconds.is_finite() or not 0 < seconds < 10**12:
        raise CeremonyRefusedError("CT-13: seconds is not a positive number", "seconds")
    return f"{seconds:f}"
