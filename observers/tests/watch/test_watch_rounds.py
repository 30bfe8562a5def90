"""Every event is verified again within the promised time, whatever comes meanwhile; where that
fails, it is found. Time passes by a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from pytest_django import Settings

from events.store import sequence as positions
from events.tests.support.ledger import Ledger
from observers.tests.corpus.application import LOOK
from observers.tests.support.commands import run
from observers.tests.support.pages import Reader, sign_in
from observers.verification.report import Report
from observers.watch import chain
from observers.watch.chain import PACE, Place, Timing, walk_chain
from observers.watch.findings import Kind
from observers.watch.memory import look_memory_of
from observers.watch.watch import Watch

HOUR, LOOK_EVERY = 3600.0, 30.0


@dataclass
class Simulated:
    """A ledger that grows, a watch that looks each half minute, and when each event was verified
    last. A verified event takes `cost` seconds."""

    size: int
    rate: float
    cost: float
    promised: float
    now: float = 1_000_000.0
    spent: float = 0.0
    place: Place | None = None
    verified_at: dict[int, float] = field(default_factory=dict)
    arrived_at: dict[int, float] = field(default_factory=dict)
    longest_look: float = 0.0

    def __post_init__(self) -> None:
        self.grow(self.size)

    def grow(self, count: int) -> None:
        first = len(self.arrived_at) + 1
        self.arrived_at |= dict.fromkeys(range(first, first + count), self.now)

    def verify(self, using: str, start: int, end: int) -> Report:
        self.spent += (end - start + 1) * self.cost
        for sequence in range(start, end + 1):
            self.verified_at[sequence] = self.now + self.spent
        return Report(start, end, checked=end - start + 1)

    def look(self) -> Place:
        last, self.spent = len(self.arrived_at), 0.0
        place = self.place or Place.first(max(last - 10_000, 0), last, self.now)
        timing = Timing(self.promised, self.now, clock=lambda: self.now + self.spent)
        self.place = walk_chain("", place, last, [], timing).place
        self.longest_look = max(self.longest_look, self.spent)
        self.now += LOOK_EVERY
        self.grow(round(self.rate * LOOK_EVERY))
        return self.place

    def oldest(self) -> float:
        """The age of the event that was verified longest ago, or came and was not verified yet."""
        began = 1_000_000.0
        return max(
            self.now - self.verified_at.get(sequence, max(moment, began))
            for sequence, moment in self.arrived_at.items()
        )


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> type[Simulated]:
    worlds: list[Simulated] = []

    class Known(Simulated):
        def __post_init__(self) -> None:
            super().__post_init__()
            worlds.append(self)

    monkeypatch.setattr(chain, "verify_ledger", lambda *args: worlds[-1].verify(*args))
    monkeypatch.setattr(
        positions, "slice_end", lambda using, start, end, size: min(start + size - 1, end)
    )
    return Known


GROWING = {
    "one event a look": (3_000, 1 / 30, 0.0002),
    "fifteen events a look": (1_400, 0.5, 0.0002),
    "more than one look verifies": (9_000, 1, 0.004),
    "faster than old ones are gone through in a second": (3_000, 3, 0.02),
}


@pytest.mark.parametrize("name", GROWING)
def test_every_event_is_verified_again_in_time_on_a_ledger_that_grows_at_each_look(
    simulated: type[Simulated], name: str
) -> None:
    size, rate, cost = GROWING[name]
    world = simulated(size, rate, cost, promised=HOUR)
    for number in range(int(2.5 * HOUR / LOOK_EVERY)):
        place = world.look()
        assert world.now - place.since <= world.promised
        if number % 9 == 0:
            assert world.oldest() <= world.now - place.since
    assert world.longest_look <= LOOK_EVERY
    assert place.lasted is not None


def test_a_small_ledger_is_verified_whole_at_each_look(simulated: type[Simulated]) -> None:
    world = simulated(1_339, 0.5, 0.0002, promised=24 * HOUR)
    for _ in range(6):
        began, before = world.now, len(world.arrived_at)
        world.look()
        assert all(world.verified_at[sequence] >= began for sequence in range(1, before + 1))


def test_a_promise_that_cannot_be_kept_is_reported(
    simulated: type[Simulated], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger too large for the promise: the age that is told is never below the true one."""
    monkeypatch.setattr(chain, "SLICE", 50)
    world = simulated(30_000, 0.1, 0.1, promised=HOUR)
    late = False
    for number in range(int(2 * HOUR / LOOK_EVERY)):
        place = world.look()
        if number % 9 == 0:
            assert world.oldest() <= world.now - place.since
        late = late or world.now - place.since > world.promised
    assert late


def test_a_ledger_that_lost_its_end_does_not_keep_a_round_from_ending() -> None:
    place = Place(verified=90, rolled=50, end=95, began=5.0, since=0.0).at(last=40, now=9.0)
    assert (place.verified, place.rolled, place.end) == (40, 40, 40)
    assert place.turned(40, 9.0).since == 5.0


def test_a_clock_that_was_put_back_makes_nothing_newer() -> None:
    place = Place(verified=1, rolled=0, end=1, began=500.0, since=400.0).at(last=1, now=100.0)
    assert (place.began, place.since) == (100.0, 100.0)


def test_a_round_is_planned_for_a_third_of_the_time() -> None:
    place = Place(verified=900, rolled=0, end=900, began=0.0, since=0.0)
    assert place.due(HOUR / PACE / 2, HOUR) == pytest.approx(450)
    assert place.due(HOUR, HOUR) == 900


def test_an_old_event_edited_on_a_growing_ledger_is_found_and_recorded(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With slices of five, and time for two of them a look, as on a ledger of any size."""
    monkeypatch.setattr(chain, "SLICE", 5)
    monkeypatch.setattr(Timing, "within", lambda self, seconds: _twice())
    ledger.write(30)
    watch, found = Watch(), []
    for number in range(20):
        if number == 3:
            ledger.tamper("""UPDATE events SET payload = '"changed"' WHERE sequence = 10""")
        outcome = watch.look()
        assert outcome is not None
        found += [each.key for each in outcome.began if each.kind is Kind.CHAIN]
        ledger.write(3)
    assert found == ["chain 10-10 payload_hash"]
    opened = ledger.query("SELECT payload FROM events WHERE event_type = 'system.chain_broken'")
    assert [payload["first"] for (payload,) in opened] == [10]


def _twice() -> Callable[[], bool]:
    left = iter([True, True])
    return lambda: next(left, False)


def test_a_round_that_falls_behind_is_a_finding_until_it_has_caught_up(
    ledger: Ledger, settings: Settings
) -> None:
    settings.PORTAL_WATCH_HOURS = 24
    ledger.write(4)
    watch, memory = Watch(), look_memory_of()
    watch.look()
    before = memory.read()
    assert before is not None
    yesterday = replace(before.place, rolled=0, began=before.place.began - 26 * HOUR, since=0.0)
    memory.note(replace(before, place=replace(yesterday, verified=0)))
    late = watch.look()
    assert late is not None
    assert [each.key for each in late.began] == ["round overdue"]
    assert "24 hours are promised" in late.began[0].text
    watch.look()
    closed = watch.look()
    assert closed is not None
    assert closed.open == ()
    written = ledger.query("SELECT event_type FROM events WHERE sequence > 7 ORDER BY sequence")
    assert written == [("system.verification_overdue",), ("system.finding_closed",)]


def test_the_applications_role_cannot_change_where_the_watch_continues(ledger: Ledger) -> None:
    """It may insert and delete looks; nothing but people reads them."""
    ledger.write(4)
    run("watch_ledger", "--once")
    ledger.tamper("""UPDATE events SET payload = '"changed"' WHERE sequence = 5""")
    with ledger.connect("portal_app") as application:
        application.execute(LOOK)
    assert "chain 5-5 payload_hash" in run("watch_ledger", "--once", "--json").json["open"]
    reader = Reader(ledger, sign_in(staff=False))
    with ledger.connect("portal_app") as application:
        application.execute("DELETE FROM watch_looks")
        application.execute(LOOK)
    titles = [alarm.title for alarm in reader.get("/").context["outlook"].alarms()]
    assert titles == ["The watch found something wrong"], "a clean look closes no finding"
