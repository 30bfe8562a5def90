"""A recorded ceremony as its event tells it: the table of ceremonies stands beside the chain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from events import canonical
from events.ceremony import APPROVED, PROPOSED, RECORDED, REJECTED, proposal_of
from events.errors import CanonicalJSONError, CeremonyRefusedError
from events.event import Event
from events.store.ceremonies import Ceremony, Step
from events.store.ledger import PostgresEventStore

SYSTEM = "the system"


def as_recorded(using: str, held: Ceremony) -> Ceremony | None:
    """The ceremony with proposal and steps of the event that records it, as it is while it is
    open; None where the event that is named does not record it."""
    if held.recorded_sequence is None:
        return held
    event = PostgresEventStore(using).get_event(held.recorded_sequence)
    if event is None or event.agent_id is not None:
        return None
    try:
        return _read(held, event)
    except (CanonicalJSONError, CeremonyRefusedError, KeyError, TypeError):
        return None


def _read(held: Ceremony, event: Event) -> Ceremony | None:
    payload: dict[str, Any] = canonical.parse(event.payload, stored=True).value
    text = canonical.canonicalize(payload["proposal"]).decode()
    proposal = proposal_of(payload["proposal"], text)
    if (proposal.kind, payload["ceremony_id"]) != (event.event_type, held.id):
        return None
    voices = [(PROPOSED, payload["proposed_by"])]
    voices += [(APPROVED, voice) for voice in payload["approvals"]]
    voices += [(REJECTED, voice) for voice in payload["rejections"]]
    steps = [Step(step, voice["person"], voice["at"], None, None) for step, voice in voices]
    steps.sort(key=lambda step: step.at)
    recorded = Step(RECORDED, SYSTEM, event.authority_timestamp, None, event.sequence)
    return replace(held, proposal=proposal, steps=(*steps, recorded))
