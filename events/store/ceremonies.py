"""Ceremonies in the database, and halting: steps, votes, records, unwritten events (CT-11, CT-13).

Invariant: callers verify a signature before they store it; every verification of the ledger checks
it again. Only a recorded ceremony clears a halt.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from events.errors import CeremonyRefusedError
from events.format import canonical
from events.format.ceremony import (
    APPROVED,
    PROPOSED,
    RECORDED,
    REJECTED,
    Proposal,
    Voice,
    read_proposal,
)
from events.store.connection import execute, fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class Step:
    """One step and the database's time of it. `sequence` is that of the recording event."""

    step: str
    person: str
    at: str
    voice: Voice | None
    sequence: int | None


@dataclass(frozen=True, slots=True)
class Ceremony:
    """A ceremony with all its steps, in order. After `expires_at` it takes no votes and cannot be
    recorded; `is_expired` is by the database's clock."""

    proposal: Proposal
    steps: tuple[Step, ...]
    expires_at: str
    is_expired: bool

    @property
    def id(self) -> str:
        return self.proposal.ceremony_id

    @property
    def recorded_sequence(self) -> int | None:
        """The sequence of the recording event; None while the ceremony is open."""
        return next((step.sequence for step in self.steps if step.step == RECORDED), None)

    @property
    def proposer(self) -> str:
        return self.steps[0].person

    def of(self, step: str) -> list[Step]:
        """The steps of a kind."""
        return [each for each in self.steps if each.step == step]

    @property
    def approvals(self) -> list[Step]:
        return self.of(APPROVED)

    @property
    def rejections(self) -> list[Step]:
        return self.of(REJECTED)

    @property
    def voices(self) -> list[Voice]:
        """All signed steps."""
        return [step.voice for step in self.steps if step.voice]


def add_step(using: str, proposal: Proposal, voice: Voice) -> None:
    """Store a proposal or a vote. The caller has verified its signature.

    Raises:
        CeremonyRefusedError: the person is not entitled to this step, or no longer.
    """
    content = {"public_key": voice.public_key, "signature": voice.signature}
    if voice.step == PROPOSED:
        content["proposal"] = proposal.text
    else:
        content["proposal_hash"] = proposal.hash
    values = {
        "ceremony_id": proposal.ceremony_id,
        "kind": proposal.kind,
        "step": voice.step,
        "person": voice.person,
        "content": json.dumps(content),
    }
    execute(using, "ceremonies.add_step", values)


def find_ceremony(using: str, ceremony_id: str) -> Ceremony:
    """A ceremony with its steps.

    Raises:
        CeremonyRefusedError: no ceremony has this id.
    """
    found = _read(using, [ceremony_id]) if _is_uuid(ceremony_id) else []
    if not found:
        raise CeremonyRefusedError(f"CT-13: there is no ceremony {ceremony_id}", "unknown")
    return found[0]


def list_ceremonies(
    using: str, *, limit: int, before: int | None = None
) -> tuple[list[Ceremony], int | None]:
    """Ceremonies, newest proposal first, and the `before` of the next page."""
    rows = fetch_all(using, "ceremonies.newest", {"before": before, "limit": limit + 1})
    place = rows[limit - 1][0] if len(rows) > limit else None
    return _read(using, [ceremony_id for _, ceremony_id in rows[:limit]]), place


def is_approved(using: str, ceremony_id: str) -> bool:
    """True if enough people with active keys approve."""
    return bool(fetch_one(using, "ceremonies.is_approved", {"ceremony_id": ceremony_id})[0])


def open_ceremony(using: str, ceremony_id: str) -> tuple[str, str]:
    """Begin to record a ceremony in this transaction, under the ledger's lock; returns the type of
    its event and the required payload.

    Raises:
        CeremonyRefusedError: it is not approved, or what was approved is no longer the case.
    """
    kind, payload = fetch_one(using, "ceremonies.open_ceremony", {"ceremony_id": ceremony_id})
    return kind, payload


def settle(using: str) -> None:
    """Run the deferred checks and effects of what was recorded in this transaction.

    Raises:
        CeremonyRefusedError: the event is not the record of the ceremony.
    """
    execute(using, "ceremonies.settle")


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _read(using: str, ceremony_ids: Sequence[str]) -> list[Ceremony]:
    rows: dict[str, list[Any]] = {ceremony_id: [] for ceremony_id in ceremony_ids}
    for row in fetch_all(using, "ceremonies.steps", {"ceremony_ids": list(ceremony_ids)}):
        rows[row[0]].append(row)
    return [_ceremony(steps) for steps in rows.values() if steps]


def _ceremony(rows: list[Any]) -> Ceremony:
    proposal = read_proposal(rows[0][4])
    expires_at, is_expired = rows[0][-2:]
    steps = tuple(_step(row) for row in rows)
    recorded = any(step.step == RECORDED for step in steps)
    return Ceremony(proposal, steps, expires_at, is_expired and not recorded)


def _step(row: Any) -> Step:
    _, _, step, person, _, _, public_key, signature, sequence, at, *_ = row
    voice = Voice(person, step, public_key, signature) if public_key else None
    return Step(step, person, at, voice, sequence)


LOCK_MILLISECONDS = 400
"""Timeout of a halt's event for the append lock, which appends hold for milliseconds."""


def halt_ledger(
    using: str,
    *,
    reason: str,
    by: str | None,
    witnessed_by: str | None = None,
    unwitnessed_because: str | None = None,
) -> bool:
    """Stop every append; False if the ledger was halted already.

    `witnessed_by` is the event of this transaction that records the halt; without one, the database
    keeps the record, to be written when the halt is cleared.
    """
    values = {
        "reason": reason,
        "by": by,
        "event_id": witnessed_by,
        "because": unwitnessed_because,
    }
    return fetch_one(using, "ceremonies.halt_ledger", values)[0] is not None


def unwritten_records(using: str) -> list[dict[str, Any]]:
    """The events to write when the present halt is cleared, oldest first: `event_id`, `event_type`,
    `local_timestamp` and `payload` of each, as the proposal to clear the halt contains them."""
    text = fetch_one(using, "ceremonies.unwritten_records")[0]
    records: list[dict[str, Any]] = canonical.parse(text, stored=True).value
    return records


class CeremonyRow(NamedTuple):
    """A row of `ceremonies`, column by column; None for NULL."""

    ceremony_id: str
    kind: str | None
    step: str | None
    person: str | None
    proposal: str | None
    proposal_hash: str | None
    public_key: str | None
    signature: str | None
    sequence: str | None
    event_id: str | None
    at: str | None


def ceremony_rows(using: str, ceremony_ids: Sequence[str]) -> list[CeremonyRow]:
    """All rows about these ceremonies, oldest first."""
    rows = fetch_all(using, "ceremonies.rows", {"ceremony_ids": list(ceremony_ids)})
    return [CeremonyRow(*row) for row in rows]


def ceremonies_without_event(using: str, *, limit: int) -> list[tuple[str, str | None]]:
    """Ids of ceremonies whose row claims a recording event that does not exist or is not theirs,
    with the sequence that the row names."""
    return fetch_all(using, "ceremonies.without_event", {"limit": limit})
