"""Checks the record of a ceremony: proposer, approvals and their signatures (CT-13).

The portal runs these checks before it records, and every verification runs them again (check 11);
`docs/event-format.md` describes the same bytes. Pure: no database and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from events.errors import CeremonyRefusedError
from events.format import names
from events.format.ceremony import (
    APPROVALS,
    APPROVED,
    PREFIX,
    PROPOSED,
    REJECTED,
    Proposal,
    Voice,
    check_possession,
    proposal_of,
)

MEMBERS = frozenset({"approvals", "ceremony_id", "proposal", "proposed_by", "rejections"})
SKIP = PREFIX + "sequence_skip"
ADDITION = PREFIX + "add_person"
REGISTERED = "system.person_registered"

OwnerOf = Callable[[str], str | None]
"""Returns the person to whom a public key belongs at the record's place; None if the key does not
count there."""


def wrong_record(event_type: str, payload: Any, owner_of: OwnerOf) -> Iterator[str]:
    """Yield what is wrong with the payload of a `ceremony.…` event."""
    try:
        record = members_of(payload)
        proposal = proposal_of(record["proposal"])
        yield from _wrong_members(event_type, record, proposal)
        yield from _wrong_voices(record, proposal, owner_of)
        if event_type == ADDITION:
            yield from wrong_possession(proposal.details)
    except CeremonyRefusedError as error:
        yield str(error)


def wrong_possession(said: Any) -> Iterator[str]:
    """Yield what is wrong with a registered person's proof of possession of the private key."""
    match said:
        case {"person": str(person), "public_key": str(public_key), "proof": str(proof)}:
            try:
                check_possession(person, public_key, proof)
            except CeremonyRefusedError as error:
                yield str(error)
        case _:
            yield "it lacks person, public_key or proof"


def members_of(payload: Any) -> dict[str, Any]:
    """Return the payload as the record of a ceremony.

    Raises:
        CeremonyRefusedError: it lacks members.
    """
    if not isinstance(payload, dict) or not set(payload) >= MEMBERS:
        raise CeremonyRefusedError(
            f"the record of a ceremony has {', '.join(sorted(MEMBERS))}", "payload"
        )
    return payload


def _wrong_members(
    event_type: str, payload: Mapping[str, Any], proposal: Proposal
) -> Iterator[str]:
    if proposal.kind != event_type:
        yield f"a {proposal.kind} was proposed"
    if proposal.ceremony_id != payload["ceremony_id"]:
        yield "it names a different ceremony than the proposal"
    named = proposal.details if event_type == SKIP else {}
    if {name: payload[name] for name in payload if name not in MEMBERS} != named:
        yield "it differs from the proposal"


def _wrong_voices(
    payload: Mapping[str, Any], proposal: Proposal, owner_of: OwnerOf
) -> Iterator[str]:
    proposer = _voice(payload["proposed_by"], PROPOSED)
    approvals = _voices(payload["approvals"], APPROVED)
    rejections = _voices(payload["rejections"], REJECTED)
    for voice in (proposer, *approvals, *rejections):
        if owner_of(voice.public_key) != voice.person:
            yield f"the key of {voice.person} is not theirs, or not registered for this sequence"
            continue
        try:
            proposal.verify(voice)
        except CeremonyRefusedError as error:
            yield str(error)
    people = [names.fold(voice.person) for voice in (proposer, *approvals, *rejections)]
    if len(set(people)) != len(people):
        yield "somebody voted twice"
    if len(approvals) < APPROVALS or len(approvals) <= len(rejections):
        yield f"{len(approvals)} approved and {len(rejections)} rejected it: too few approvals"


def _voices(value: Any, step: str) -> list[Voice]:
    if not isinstance(value, list):
        raise CeremonyRefusedError(f"the list of people who {step} it is not a list", "voices")
    return [_voice(each, step) for each in value]


def _voice(value: Any, step: str) -> Voice:
    match value:
        case {"person": str(person), "public_key": str(public_key), "signature": str(signature)}:
            return Voice(person, step, public_key, signature)
    raise CeremonyRefusedError(
        f"an entry of those who {step} it lacks person, public_key or signature", "voices"
    )
