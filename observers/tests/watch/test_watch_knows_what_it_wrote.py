"""The state machine over findings, without a database: what begins, what ends, what is known."""

from __future__ import annotations

from observers.watch.findings import (
    CLOSED,
    MOST_NEW,
    OPENINGS,
    RESTORED,
    Found,
    Kind,
    diff,
    known_findings,
)

GAP, GUARDS, CHAIN = OPENINGS[Kind.GAP], OPENINGS[Kind.GUARDS], OPENINGS[Kind.CHAIN]


def known(*events: tuple[str, str], distrusted: tuple[int, ...] = ()) -> set[str]:
    rows = [(n, event_type, key, "") for n, (event_type, key) in enumerate(events, start=1)]
    return set(known_findings(rows, distrusted))


def test_an_open_finding_is_known_until_it_is_closed() -> None:
    assert known((GAP, "gap 3-4")) == {"gap 3-4"}
    assert known((GAP, "gap 3-4"), (CLOSED, "gap 3-4")) == set()
    assert known((GAP, "gap 3-4"), (CLOSED, "gap 3-4"), (GAP, "gap 3-4")) == {"gap 3-4"}


def test_of_the_guards_the_last_state_counts() -> None:
    assert known((GUARDS, "guards a"), (GUARDS, "guards b")) == {"guards b"}
    assert known((GUARDS, "guards a"), (RESTORED, "guards a")) == set()


def test_an_event_that_is_wrong_itself_is_not_believed() -> None:
    assert known((GAP, "gap 3-4"), distrusted=(1,)) == set()
    assert known((GAP, "gap 3-4"), (CLOSED, "gap 3-4"), distrusted=(2,)) == {"gap 3-4"}


def test_an_event_speaks_only_of_its_own_kind() -> None:
    assert known((GAP, "head 3/2/x"), (GAP, ""), (CHAIN, "gap 1-2")) == set()


def test_a_step_is_what_changed() -> None:
    before = known_findings([(1, GAP, "gap 3-4", ""), (2, CHAIN, "chain 7-7 signature", "")])
    found = [Found(Kind.GAP, "9-9", ""), Found(Kind.HEAD, "x", "")]
    change = diff(before, found, {Kind.GAP, Kind.HEAD})
    assert [each.key for each in change.begun] == ["head x", "gap 9-9"]
    assert [each.key for each in change.ended] == ["gap 3-4"]
    again = diff(before, found, {Kind.HEAD}, {"chain 7-7 signature"})
    assert [each.key for each in again.ended] == ["chain 7-7 signature"]


def test_a_flood_of_findings_is_written_bit_by_bit() -> None:
    found = [Found(Kind.GAP, f"{n}-{n}", "") for n in range(3 * MOST_NEW)]
    assert len(diff({}, found, set(Kind)).begun) == MOST_NEW
