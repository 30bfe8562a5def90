"""Rules of operators: halts and their end, new witnesses, lost events.

Invariant: each loss is explained within its rule; later rules rely on an explained ledger.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from events.append.services import writer
from events.errors import CeremonyRefusedError, HeadMismatchError, SystemHaltedError
from events.format.event import ERASED_SALT
from events.halting import Halted, halt
from events.registrar import registrar
from events.tests.support.connection_cuts import Cut
from events.tests.support.ledger import submission
from observers.tests.state_machine.calls import Call
from observers.tests.state_machine.ceremonies import CeremonySteps, cuts, people, picks
from observers.tests.state_machine.model import HALTED, Model
from observers.tests.state_machine.writers import Wanted, requests
from observers.tests.support.pages import remove


class OperatorSteps(CeremonySteps):
    """Actions of operators, and accidents."""

    def __init__(self) -> None:
        super().__init__()
        self.halts = 0

    @precondition(lambda self: not self.model.halt.halted)
    @rule(cut=st.sampled_from((None, *Cut)), wanted=st.lists(requests, max_size=4))
    def halt(self, cut: Cut | None, wanted: Sequence[Wanted]) -> None:
        before, declared = self.model.as_it_is(), []
        self.halts += 1
        reason, asks = f"reason {self.halts}", self.asks(wanted)

        def declare() -> None:
            declared.append(halt(writer(), reason=reason, by="keeper"))

        with self.cuts.of(HALTED, cut):
            self.ask(*asks, beside=declare)
        self._settle_halt(before, asks, declared[0], reason)

    def _settle_halt(
        self, before: Model, asks: Sequence[Call], declared: Halted, reason: str
    ) -> None:
        assert declared.state.halted
        added = [declared.event.event_id] if declared.event else self.untold(before, HALTED)
        if not added:
            assert declared.is_new
            because = declared.unwitnessed_because
            record = {"by": "keeper", "reason": reason, "unwitnessed_because": because}
            self.model.unwritten.append(record)
        self.settle(before, asks, added, halted=declared.state)

    @precondition(lambda self: self.model.halt.halted)
    @rule(by=people, cut=cuts)
    def clear_halt(self, by: int, cut: Cut | None) -> None:
        """A second halt changes nothing; the ceremony ends the first."""
        again = halt(writer(), reason="another reason", by="somebody else")
        assert (again.is_new, again.state) == (False, self.model.halt)
        details = self.details_of("clear_halt", 0)
        assert details is not None
        self.hold_whole("clear_halt", by, details, cut)

    @rule()
    def add_witness(self) -> None:
        """Nobody may alone, now that three people are registered."""
        refusal = SystemHaltedError if self.model.halt.halted else CeremonyRefusedError
        with pytest.raises(refusal):
            registrar().create_witness("WITNESS:another")

    @rule(pick=picks, count=st.integers(1, 4), by=people)
    def lose_events(self, pick: int, count: int, by: int) -> None:
        """A superuser deletes some. A ceremony explains it; nothing is appended to a lost tail
        before."""
        lost = self._losable(pick, count)
        if not lost:
            return
        remove(self.ledger, *lost)
        self.model.lose(lost)
        self.is_as_the_model_says()
        gap = next(gap for gap, _ in self.model.gaps if gap.start <= lost[0] <= gap.end)
        if gap.end == self.model.head:
            for door in (self.direct, self.gathered):
                with pytest.raises((HeadMismatchError, SystemHaltedError)):
                    door.write_event(submission(agent_id=None))
        self.hold_whole("sequence_skip", by, {"first": gap.start, "last": gap.end})
        assert self.model.documented[gap] == self.model.head

    def _losable(self, pick: int, count: int) -> range:
        """Some events of agents in a row, the last ones or any."""
        places = sorted(self.model.events)
        last = first = places[-1] if pick % 2 else places[pick % len(places)]
        while last - first < count and self._is_losable(first):
            first -= 1
        return range(first + 1, last + 1)

    def _is_losable(self, sequence: int) -> bool:
        event = self.model.events.get(sequence)
        return (
            event is not None and event.agent_id is not None and event.payload_salt != ERASED_SALT
        )
