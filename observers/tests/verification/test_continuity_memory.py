"""Numbers seen as complete are not counted again, and are not trusted for longer than a round. Time
is simulated: the database is told how long a round takes."""

from __future__ import annotations

import psycopg
import pytest
from django.core.cache import cache
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.store import sequence
from events.store.connection import fetch_one
from events.store.ledger import GapReport
from events.tests.store.test_gaps_query import BLOCK, put
from events.tests.support import api
from events.tests.support.ledger import OPENING, Ledger
from observers.continuity import check_continuity, recall_continuity

LONG = 10 * BLOCK


@pytest.fixture
def long(ledger: Ledger) -> Ledger:
    """Ten blocks and a few events more, all of them seen."""
    put(ledger, range(OPENING + 1, LONG + 6))
    look(ledger)
    return ledger


def look(ledger: Ledger, *, round_seconds: float = 1e-6, at_most_seconds: float = 60) -> bool:
    """One call; with so short a round, all of it is due."""
    limits = {"round_seconds": round_seconds, "at_most_seconds": at_most_seconds}
    return bool(fetch_one("default", "sequence.remember_continuity", limits)[0])


def go_round(ledger: Ledger, *, at_most_seconds: float = 60) -> int:
    """Begin a round and go on until it is over; in how many calls."""
    look(ledger)
    calls = 1
    while look(ledger, at_most_seconds=at_most_seconds):
        calls += 1
    return calls


def seen(ledger: Ledger) -> list[tuple[int, int]]:
    return ledger.query(
        "SELECT lower(r), upper(r) - 1 FROM continuity_memory, unnest(seen_whole) r ORDER BY 1"
    )


def recalled(ledger: Ledger) -> list[tuple[int, int]]:
    return gaps(ledger.store.find_gaps(remembered=True))


def gaps(report: GapReport) -> list[tuple[int, int]]:
    return [(gap.start, gap.end) for gap in report.gaps]


def test_new_numbers_are_cached_once_they_fill_a_block(ledger: Ledger) -> None:
    put(ledger, range(OPENING + 1, BLOCK))
    look(ledger)
    assert seen(ledger) == []
    put(ledger, range(BLOCK, BLOCK + 10))
    look(ledger)
    assert seen(ledger) == [(1, BLOCK + 9)]
    assert recalled(ledger) == []


def test_a_removed_event_is_found_by_the_next_round_and_stays_found(long: Ledger) -> None:
    hole = 3 * BLOCK + 7
    long.tamper(f"DELETE FROM events WHERE sequence = {hole}")
    assert recalled(long) == [], "it was seen, and is not counted again"
    assert gaps(long.store.find_gaps()) == [(hole, hole)], "a distrusting look finds it at once"
    for _ in range(2):
        go_round(long)
        assert recalled(long) == [(hole, hole)]
    assert not recall_continuity("default").is_explained
    put(long, [hole])
    assert recalled(long) == [], "it is back"
    go_round(long)
    assert seen(long) == [(1, LONG + 5)]


def test_a_round_goes_over_every_block_however_little_each_call_may_look_at(long: Ledger) -> None:
    long.tamper(f"DELETE FROM events WHERE sequence IN (5, {5 * BLOCK}, {LONG + 1})")
    assert go_round(long, at_most_seconds=0) >= 10, "a block a call"
    assert recalled(long) == [(5, 5), (5 * BLOCK, 5 * BLOCK), (LONG + 1, LONG + 1)]


def test_nothing_is_looked_at_before_it_is_due(long: Ledger) -> None:
    before = long.query("SELECT * FROM continuity_memory")
    assert look(long, round_seconds=1e9) is False
    assert long.query("SELECT * FROM continuity_memory") == before


def test_a_cut_tail_is_missed_at_once(long: Ledger) -> None:
    long.tamper(f"DELETE FROM events WHERE sequence > {LONG}")
    assert gaps(long.store.find_gaps(1, LONG + 5, remembered=True)) == [(LONG + 1, LONG + 5)]
    assert look(long) is False
    assert seen(long) == [(1, LONG)]


def test_a_gap_of_a_billion_is_stepped_over(long: Ledger) -> None:
    put(long, [10**9])
    look(long)
    assert seen(long) == [(1, LONG + 5), (10**9, 10**9)]
    assert recalled(long) == [(LONG + 6, 10**9 - 1)]


def test_a_forged_memory_is_found_out_by_the_next_round(long: Ledger) -> None:
    long.tamper("DELETE FROM events WHERE sequence BETWEEN 100 AND 199")
    go_round(long)
    assert recalled(long) == [(100, 199)]
    long.tamper(
        "UPDATE continuity_memory SET seen_whole = '{[1,1000000)}', looked_through = 10000,"
        " round_began_at = 'infinity'"
    )
    assert recalled(long) == []
    go_round(long)
    assert recalled(long) == [(100, 199)]


@pytest.mark.parametrize("role", ["portal_app", "portal_observer"])
def test_the_roles_cannot_write_it(ledger: Ledger, role: str) -> None:
    with (
        ledger.connect(role) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("UPDATE continuity_memory SET seen_whole = '{[1,100)}'")


def test_somebody_elses_look_is_not_waited_for(long: Ledger) -> None:
    with long.connect() as other, other.transaction():
        other.execute("SELECT remember_continuity(1e-6, 60)")
        assert look(long) is False


def test_an_answer_over_http_stops_before_a_gap_that_a_round_found(long: Ledger) -> None:
    long.tamper("DELETE FROM events WHERE sequence = 10000")

    def complete_through() -> int:
        answer = api.observer().get("events?start=1&limit=1").json()
        through: int = answer["completeness"]["complete_through"]
        return through

    long.tamper(
        "INSERT INTO appends (last_sequence, first_sequence, content_hash, authority_timestamp,"
        f" event_count) VALUES ({LONG + 5}, 4, repeat('0', 64), now(), {LONG + 5})"
    )
    assert complete_through() == LONG + 5
    go_round(long)
    assert complete_through() == 9_999
    cache.clear()


def test_remembered_and_counted_are_the_same_after_a_round(ledger: Ledger) -> None:
    near_borders = st.builds(
        lambda block, offset: max(block * BLOCK + offset, 1), st.integers(0, 3), st.integers(-3, 3)
    )

    @settings(
        max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.sets(near_borders, max_size=12), st.booleans())
    def check(holes: set[int], at_once: bool) -> None:
        superuser.execute("DELETE FROM appends")
        superuser.execute("DELETE FROM events WHERE sequence = ANY (%s)", [sorted(holes)])
        go_round(ledger, at_most_seconds=60 if at_once else 0)
        counted, remembered = check_continuity("default"), recall_continuity("default")
        assert remembered.listed == counted.listed
        assert remembered.missing_count == counted.missing_count

    put(ledger, range(OPENING + 1, 4 * BLOCK))
    with ledger.tampering() as superuser:
        check()


def test_the_portals_own_look_says_since_when(ledger: Ledger) -> None:
    ledger.write(2)
    assert sequence.refresh_continuity_cache("default") is False
    assert recall_continuity("default").looked_since == sequence.looked_since("default")


def test_a_number_twice_does_not_make_a_block_whole(long: Ledger) -> None:
    long.tamper(
        "ALTER TABLE events DROP CONSTRAINT events_sequence_key",
        f"UPDATE events SET sequence = {3 * BLOCK + 8} WHERE sequence = {3 * BLOCK + 7}",
    )
    go_round(long)
    assert recalled(long) == [(3 * BLOCK + 7, 3 * BLOCK + 7)]
