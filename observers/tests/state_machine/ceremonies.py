"""Rules of people: ceremonies proposed, voted on and recorded, and votes refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from events import ceremonies
from events.append.services import key_backend, writer
from events.ceremonies import complete_details
from events.errors import CeremonyRefusedError
from events.format.ceremony import APPROVED, REJECTED, Proposal
from events.format.event import Event
from events.store.ceremonies import unwritten_records
from events.store.connection import LedgerUnavailableError
from events.tests.support.ceremonies import Person
from events.tests.support.connection_cuts import Cut
from events.tests.support.ledger import OPENING
from observers.tests.state_machine.comparison import ALL
from observers.tests.state_machine.model import Model
from observers.tests.state_machine.writers import Wanted, WriterSteps, requests

KINDS = (
    "clear_halt",
    "sequence_skip",
    "erase_payload",
    "rotate_key",
    "retire_key",
    "drift_threshold",
)
SECONDS = ("0.25", "5", "60", "86400.5")
LENGTHS = (1, 2, 3, 4096, 10_000)
cuts = st.none() | st.none() | st.sampled_from(Cut)
people = st.integers(0, 2)
picks = st.integers(0, 10_000)


@dataclass
class Held:
    """A ceremony, and what was said of it."""

    proposal: Proposal
    proposer: Person
    votes: dict[str, str] = field(default_factory=dict)
    recorded: bool = False

    @property
    def kind(self) -> str:
        return self.proposal.kind.removeprefix("ceremony.")

    @property
    def is_approved(self) -> bool:
        return list(self.votes.values()).count(APPROVED) == 2

    def refusals(self, model: Model) -> list[str]:
        """Reasons against recording it, the first one first; empty when it must be recorded."""
        reasons = {
            "recorded": self.recorded,
            "approvals": not self.is_approved,
            "details": not model.allows(self.kind, self.proposal.details),
        }
        return [name for name, holds in reasons.items() if holds]


class CeremonySteps(WriterSteps):
    """Ceremonies: people propose, vote and record."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Held] = []

    def untold(self, before: Model, event_type: str) -> list[str]:
        """The ids of the new events of a type."""
        return [
            event.event_id
            for event in self.ledger.store.get_events_by_sequence_range(before.head + 1, ALL)
            if event.event_type == event_type
        ]

    @rule(kind=st.sampled_from(KINDS), by=people, pick=picks)
    def propose(self, kind: str, by: int, pick: int) -> None:
        details = self.details_of(kind, pick)
        if details is not None:
            self._propose(kind, self.people[by], details)

    @rule(pick=picks, by=people, step=st.sampled_from((APPROVED, APPROVED, REJECTED)))
    def vote(self, pick: int, by: int, step: str) -> None:
        if self.held:
            self._vote(self.held[pick % len(self.held)], self.people[by], step)

    @rule(pick=picks, by=people, forger=people)
    def forge_a_vote(self, pick: int, by: int, forger: int) -> None:
        """Somebody signs for somebody else, or signs something else."""
        if not self.held:
            return
        proposal, person = self.held[pick % len(self.held)].proposal, self.people[by]
        signature = self.people[forger].sign(proposal, APPROVED if forger != by else REJECTED)
        with pytest.raises(CeremonyRefusedError) as refused:
            ceremonies.vote(
                "default",
                proposal.ceremony_id,
                step=APPROVED,
                person=person.name,
                signature=signature,
            )
        assert refused.value.check == "signature"

    @rule(pick=picks, cut=cuts)
    def record(self, pick: int, cut: Cut | None) -> None:
        if self.held:
            self._record(self.held[pick % len(self.held)], cut)

    @rule(
        kind=st.sampled_from(KINDS),
        by=people,
        pick=picks,
        cut=cuts,
        wanted=st.lists(requests, max_size=3),
    )
    def hold(
        self, kind: str, by: int, pick: int, cut: Cut | None, wanted: Sequence[Wanted]
    ) -> None:
        """A whole ceremony, recorded while others write."""
        details = self.details_of(kind, pick)
        if details is not None:
            self.hold_whole(kind, by, details, cut, wanted)

    def hold_whole(
        self,
        kind: str,
        by: int,
        details: Mapping[str, Any],
        cut: Cut | None = None,
        wanted: Sequence[Wanted] = (),
    ) -> None:
        held = self._propose(kind, self.people[by], details)
        if held is None:
            return
        for other in (1, 2):
            self._vote(held, self.people[(by + other) % 3], APPROVED)
        self._record(held, cut, wanted)

    def _propose(self, kind: str, person: Person, details: Mapping[str, Any]) -> Held | None:
        if not self.model.allows(kind, details):
            with pytest.raises(CeremonyRefusedError) as refused:
                person.propose(kind, details)
            assert refused.value.check == "details"
            return None
        held = Held(person.propose(kind, details), person)
        self.held.append(held)
        return held

    def _vote(self, held: Held, person: Person, step: str) -> None:
        expected = (
            "recorded"
            if held.recorded
            else "own_proposal"
            if person is held.proposer
            else "voted"
            if person.name in held.votes
            else None
        )
        if expected is None:
            person.say(held.proposal, step)
            held.votes[person.name] = step
            return
        with pytest.raises(CeremonyRefusedError) as refused:
            person.say(held.proposal, step)
        assert refused.value.check == expected

    def _record(self, held: Held, cut: Cut | None, wanted: Sequence[Wanted] = ()) -> None:
        before, asks = self.model.as_it_is(), self.asks(wanted)
        waiting = (
            [record["event_id"] for record in unwritten_records("default")]
            if held.kind == "clear_halt"
            else []
        )
        outcome: list[Event | CeremonyRefusedError | LedgerUnavailableError] = []

        def try_to_record() -> None:
            try:
                outcome.append(ceremonies.record(writer(), held.proposal.ceremony_id))
            except (CeremonyRefusedError, LedgerUnavailableError) as error:
                outcome.append(error)

        with self.cuts.of(held.proposal.kind, cut):
            if asks:
                self.ask(*asks, beside=try_to_record)
            else:
                try_to_record()
        added = self._judge_record(held, before, outcome[0], cut)
        held.recorded = held.recorded or bool(added)
        self.settle(before, asks, [*waiting, *added] if added else [])

    def _judge_record(
        self, held: Held, before: Model, outcome: Event | Exception, cut: Cut | None
    ) -> list[str]:
        """Checks the answer; returns the id of the event that records it, if one does."""
        refusals = held.refusals(before)
        if isinstance(outcome, CeremonyRefusedError):
            # Who writes meanwhile takes the numbers that were to be skipped.
            moved = held.kind == "sequence_skip" and not refusals
            assert outcome.check == ("details" if moved else refusals[0])
            return []
        assert not refusals
        if isinstance(outcome, Event):
            return [outcome.event_id]
        assert cut is not None
        added = self.untold(before, held.proposal.kind)
        assert len(added) == (cut is Cut.UNANSWERED)
        return added

    def details_of(self, kind: str, pick: int) -> dict[str, Any] | None:
        """Draws the details of a proposal of this kind; some of them the ledger must refuse."""
        given: dict[str, str] = {}
        if kind == "sequence_skip":
            first = self.model.head + 1 + (pick % 7 == 3)
            given = {"first": str(first), "last": str(first + LENGTHS[pick % 5] - 1)}
        elif kind == "erase_payload":
            given = {"sequence": str(pick % (self.model.head + 1) if pick % 5 else OPENING + 1)}
            if int(given["sequence"]) not in self.model.events:
                return None
        elif kind in ("rotate_key", "retire_key"):
            names = [*self.model.keys, *self.model.witnesses]
            given = {"old_key": names[pick % len(names)]}
        elif kind == "drift_threshold":
            given = {"seconds": SECONDS[pick % len(SECONDS)]}
        elif not self.model.halt.halted:
            never = "2026-01-01T00:00:00.000000Z"
            return {"halted_at": never, "halt_reason": "never halted", "unwritten": []}
        return complete_details(kind, given, using="default", backend=key_backend())
