"""One caller of a writer: its request, the answer, and the answers that are allowed.

Invariant: an answer is right only if the model's state before or after the step explains it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from django.db import IntegrityError

from events.append.pending import Written
from events.append.queue import AppendQueue
from events.append.writer import AtomicEventWriter
from events.errors import (
    AppendRefusedError,
    EventIdConflictError,
    LedgerError,
    NoActiveKeyError,
    SystemHaltedError,
)
from events.format.event import ERASED_SALT, Event
from events.submission import Submission
from events.tests.support.connection_cuts import Cut
from events.tests.support.fault_injection import ROLLED_BACK
from observers.tests.state_machine.model import Model, is_same

REFUSED = "test.refused\tby a constraint"
CUTS = {cut.value for cut in Cut}
FAULTS = (ROLLED_BACK, REFUSED, *sorted(CUTS))


def _canonical(event: Event) -> Event:
    return replace(event, payload=event.canonical_payload.decode())


Door = AtomicEventWriter | AppendQueue
REFUSALS = (LedgerError, IntegrityError)


@dataclass
class Call:
    """One call of a writer."""

    door: Door
    wanted: Sequence[Submission]
    disturbed: bool = False
    """True if somebody draws sequence numbers meanwhile."""

    answer: list[Written] | Exception = field(default_factory=list)

    def __call__(self) -> None:
        """Call, and keep the answer."""
        try:
            self.answer = self.door.write_events(self.wanted)
        except REFUSALS as error:
            self.answer = error

    @property
    def faults(self) -> set[str]:
        return {one.event_type for one in self.wanted} & set(FAULTS)

    def added(self, before: Model) -> list[str]:
        """The ids that must be in the ledger now and were not before, in order."""
        if isinstance(self.answer, Exception):
            return []
        return [one.event.event_id for one in self.answer if one.created]

    def judge(self, before: Model, after: Model) -> None:
        """Fails unless the answer is right."""
        if isinstance(self.answer, Exception):
            possible = self._possible(before, after)
            assert isinstance(self.answer, possible), f"{self.answer!r}, and not {possible}"
        else:
            self._judge_written(self.answer, before, after)

    def _judge_written(self, written: Sequence[Written], before: Model, after: Model) -> None:
        assert len(written) == len(self.wanted)
        for one, wanted in zip(written, self.wanted, strict=True):
            stored = after.find(one.event.event_id)
            assert stored is not None, "it was acknowledged and is not there"
            assert wanted.event_id in (None, stored.event_id)
            assert is_same(wanted, stored)
            known = before.find(stored.event_id)
            assert known is None or known.payload_salt != ERASED_SALT
            assert stored.payload_salt == ERASED_SALT or _canonical(one.event) == stored
            assert one.created <= (before.find(stored.event_id) is None)
        places = [one.event.sequence for one in written if one.created]
        assert places == list(range(places[0], places[0] + len(places))) if places else True

    def _possible(self, before: Model, after: Model) -> tuple[type[Exception], ...]:
        """The errors that this caller may hear."""
        found: list[type[Exception]] = []
        if before.halt.halted or after.halt.halted:
            found.append(SystemHaltedError)
        agents = {one.agent_id for one in self.wanted}
        if not all(before.has_key(agent) and after.has_key(agent) for agent in agents):
            found.append(NoActiveKeyError)
        if self._conflicts(after):
            found.append(EventIdConflictError)
        if self.disturbed:
            found.append(AppendRefusedError)
        return (*found, *self._of_faults())

    def _conflicts(self, after: Model) -> bool:
        first: dict[str | None, Submission] = {}
        for one in self.wanted:
            stored = after.find(one.event_id)
            if stored is not None and not is_same(one, stored):
                return True
            if stored is not None and stored.payload_salt == ERASED_SALT:
                return True
            if one.event_id is not None and first.setdefault(one.event_id, one) != one:
                return True
        return False

    def _of_faults(self) -> Iterator[type[Exception]]:
        """A lost connection is no error: the writer settles it."""
        if self.faults & {REFUSED, ROLLED_BACK}:
            yield IntegrityError
