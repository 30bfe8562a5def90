"""Rules of writers: one or several at once, by direct write or through the queue, with faults and
repetitions.

Invariant: at most one connection is cut in a step, because a second cut may end the retry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import rule

from events.format.canonical import canonicalize
from events.submission import Submission
from observers.tests.state_machine.attacks import HARMLESS, REFUSED, attempt
from observers.tests.state_machine.base import Base
from observers.tests.state_machine.calls import CUTS, FAULTS, Call

PAYLOADS: tuple[Any, ...] = (
    {},
    {"number": 2**64 - 1, "least": -(2**63), "double": 1e22, "zero": -0.0, "small": 5e-324},
    {"text": 'tab\t line\n back\\slash \\N \\. quote" é \U0001f600 \x7f', "": None},
    {"nested": [[[{"n": [True, False, None, ""]}]]], "\ufb33": 1, "\U0001f600": 2},
    {"long": "x" * 3000},
    [1.5, "no object", {"erased": {"ceremony_id": "x", "ceremony_sequence": 1}}],
)
CLOCKS = (None, 0.0, 4.0, -4.0, 6.0, -6.0, 59.0, 61.0, 86_400.0 * 365)
FAR = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
AGENTS = ("agent-7", "agent-8", None)
IDS = UUID(int=0x0191D7A0_0000_7000_8000_000000000000)


@dataclass(frozen=True)
class Wish:
    """An event that somebody may want to write. `name` makes its id, None leaves it open."""

    agent: str | None
    payload: int
    clock: float | datetime | None
    name: int | None

    def submission(self, event_type: str = "test.happened") -> Submission:
        clock = self.clock
        if isinstance(clock, float):
            clock = datetime.now(UTC) + timedelta(seconds=clock)
        return Submission(
            event_type=event_type,
            canonical_payload=canonicalize(PAYLOADS[self.payload]),
            agent_id=self.agent,
            local_timestamp=clock,
            event_id=None if self.name is None else str(UUID(int=IDS.int + self.name)),
        )


wishes = st.builds(
    Wish,
    st.sampled_from(AGENTS),
    st.integers(0, len(PAYLOADS) - 1),
    st.sampled_from((*CLOCKS, *FAR)),
    st.none() | st.integers(0, 60),
)


@dataclass(frozen=True)
class Wanted:
    """One request: some events, many more like the last, and at the end perhaps one that fails."""

    gathered: bool
    wishes: Sequence[Wish]
    more: int
    fault: str | None

    def submissions(self) -> list[Submission]:
        found = [wish.submission() for wish in self.wishes]
        found += [replace(self.wishes[-1], name=None).submission() for _ in range(self.more)]
        if self.fault is not None:
            last = replace(self.wishes[-1], name=None).submission(self.fault)
            # What is not answered can only be known by its id.
            found = [replace(s, event_id=s.event_id or str(uuid4())) for s in (*found, last)]
        return found


requests = st.builds(
    Wanted,
    st.booleans(),
    st.lists(wishes, min_size=1, max_size=3),
    st.sampled_from((0, 0, 0, 0, 7, 30)),
    st.none() | st.none() | st.sampled_from(FAULTS),
)
CHANGES: dict[str, Callable[[Submission], Submission]] = {
    "nothing": lambda one: one,
    "payload": lambda one: replace(one, canonical_payload=b'{"other":1}'),
    "type": lambda one: replace(one, event_type="test.other"),
    "agent": lambda one: replace(one, agent_id=None if one.agent_id else "agent-8"),
    "clock": lambda one: replace(one, local_timestamp=datetime(2000, 1, 1, tzinfo=UTC)),
    "no clock": lambda one: replace(one, local_timestamp=None),
}


class WriterSteps(Base):
    """Actions of writers."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Submission] = []

    def asks(self, wanted: Sequence[Wanted], *, disturbed: bool = False) -> list[Call]:
        """The callers of these requests, at most one of them with a cut connection."""
        asks, has_cut = [], False
        for each in wanted:
            if each.fault in CUTS:
                each, has_cut = replace(each, fault=None) if has_cut else each, True
            submissions = each.submissions()
            self.sent += submissions[:3]
            door = self.gathered if each.gathered else self.direct
            asks.append(Call(door, submissions, disturbed))
        return asks

    @rule(wanted=requests)
    def write(self, wanted: Wanted) -> None:
        before = self.model.as_it_is()
        asks = self.asks([wanted])
        self.ask(*asks)
        self.settle(before, asks)

    @rule(wanted=st.lists(requests, min_size=2, max_size=6))
    def write_at_once(self, wanted: Sequence[Wanted]) -> None:
        before = self.model.as_it_is()
        asks = self.asks(wanted)
        self.ask(*asks)
        self.settle(before, asks)

    @rule(
        wanted=st.lists(requests, min_size=1, max_size=4),
        statements=st.lists(st.sampled_from((*REFUSED, *HARMLESS)), min_size=1, max_size=3),
    )
    def write_under_attack(self, wanted: Sequence[Wanted], statements: Sequence[str]) -> None:
        before = self.model.as_it_is()
        asks = self.asks(wanted, disturbed=any("nextval" in each for each in statements))

        def try_each() -> None:
            for statement in statements:
                attempt(self.ledger, statement)

        self.ask(*asks, beside=try_each)
        self.settle(before, asks)

    @rule(
        picks=st.lists(st.integers(0, 10_000), min_size=1, max_size=3),
        gathered=st.booleans(),
        callers=st.integers(1, 3),
        change=st.sampled_from(sorted(CHANGES)),
    )
    def send_again(self, picks: Sequence[int], gathered: bool, callers: int, change: str) -> None:
        if not self.sent:
            return
        before = self.model.as_it_is()
        again = [self._spent(self.sent[pick % len(self.sent)]) for pick in picks]
        again[-1] = CHANGES[change](again[-1])
        door = self.gathered if gathered else self.direct
        asks = [Call(door, again) for _ in range(callers)]
        self.ask(*asks)
        self.settle(before, asks)

    def _spent(self, one: Submission) -> Submission:
        """Makes a submission whose cut was never reached an ordinary one."""
        if one.event_type in CUTS and not self.cuts.was_cut(one.event_id):
            return replace(one, event_type="test.happened")
        return one

    @rule(wanted=requests)
    def lose_idle_connections(self, wanted: Wanted) -> None:
        """A lost connection is opened again, and no caller notices."""
        before = self.model.as_it_is()
        self.ledger.query(
            "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = 'portal_app'"
        )
        asks = self.asks([replace(wanted, fault=None)])
        self.ask(*asks)
        self.forget_connection()
        self.settle(before, asks)
