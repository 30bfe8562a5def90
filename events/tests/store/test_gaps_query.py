"""Gaps in SQL: the same answer as the arithmetic, at a cost independent of a gap's length."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.format import gaps as continuity
from events.store.ledger import GapReport
from events.tests.support.ledger import Ledger

BLOCK = 4096
"""The query counts in blocks of this length; their borders are where it could go wrong."""

INSERT = """
INSERT INTO events (
    event_id, sequence, event_type, payload, agent_id, local_timestamp, prev_hash, content_hash,
    payload_hash, payload_salt, signing_key_id, signature, witness_id, witness_signature)
SELECT gen_random_uuid(), n, %(event_type)s, %(payload)s, %(agent_id)s, now(), z.hash, z.hash,
    z.hash, z.hash, 'key', z.signature, 'WITNESS:alpha', z.signature
FROM unnest(%(sequences)s::bigint[]) n,
    (SELECT repeat('0', 64) AS hash, repeat('A', 86) || '==' AS signature) z
"""


def put(
    ledger: Ledger,
    sequences: Iterable[int],
    *,
    event_type: str = "test.put",
    payload: Any = None,
    agent_id: str | None = "agent-7",
) -> None:
    """Events at these places, by a superuser with the triggers off."""
    with ledger.tampering() as superuser:
        superuser.execute(
            INSERT,
            {
                "sequences": list(sequences),
                "event_type": event_type,
                "payload": json.dumps(payload or {}),
                "agent_id": agent_id,
            },
        )


def gaps(report: GapReport) -> list[tuple[int, int]]:
    return [(gap.start, gap.end) for gap in report.gaps]


def test_an_empty_ledger_has_no_gap(unopened: Ledger) -> None:
    report = unopened.store.find_gaps()
    assert (report.is_continuous, report.gap_count, report.missing_count) == (True, 0, 0)
    assert unopened.store.verify_sequence_continuity() == (True, ())


def test_an_honest_ledger_has_no_gap(ledger: Ledger) -> None:
    ledger.write(5)
    assert ledger.store.find_gaps().is_continuous
    assert ledger.store.verify_sequence_continuity(5, 7) == (True, ())


HOLES = {
    "one": ([1, 2, 4], [(3, 3)]),
    "many": ([1, 2, 9], [(3, 8)]),
    "several": ([1, 3, 6, 7, 10], [(2, 2), (4, 5), (8, 9)]),
    "at the start": ([4, 5], [(1, 3)]),
    "at the start and inside": ([2, 4], [(1, 1), (3, 3)]),
    "all but the last": ([50], [(1, 49)]),
    "up to a border": ([1, BLOCK + 1], [(2, BLOCK)]),
    "from a border": ([*range(1, BLOCK + 1), BLOCK + 3], [(BLOCK + 1, BLOCK + 2)]),
    "the last of a block": ([*range(1, BLOCK), BLOCK + 1], [(BLOCK, BLOCK)]),
    "the first of a block": ([*range(1, BLOCK + 1), BLOCK + 2], [(BLOCK + 1, BLOCK + 1)]),
    "over a border": ([*range(1, BLOCK - 1), BLOCK + 4], [(BLOCK - 1, BLOCK + 3)]),
    "a whole block": ([*range(1, BLOCK + 1), 2 * BLOCK + 1], [(BLOCK + 1, 2 * BLOCK)]),
    "blocks with one event each": (
        [BLOCK, 2 * BLOCK, 3 * BLOCK],
        [(1, BLOCK - 1), (BLOCK + 1, 2 * BLOCK - 1), (2 * BLOCK + 1, 3 * BLOCK - 1)],
    ),
}


@pytest.mark.parametrize(("present", "expected"), HOLES.values(), ids=HOLES.keys())
def test_gaps(unopened: Ledger, present: list[int], expected: list[tuple[int, int]]) -> None:
    put(unopened, present)
    report = unopened.store.find_gaps()
    assert gaps(report) == expected
    assert (report.start, report.end) == (1, present[-1])
    assert report.gap_count == len(expected)
    assert report.missing_count == sum(last - first + 1 for first, last in expected)
    assert unopened.store.verify_sequence_continuity() == (
        False,
        tuple(range(first, last + 1) for first, last in expected),
    )


def test_a_cut_tail_is_a_gap_up_to_the_head(ledger: Ledger) -> None:
    ledger.write(6)
    ledger.tamper("DELETE FROM events WHERE sequence >= 8")
    report = ledger.store.find_gaps()
    assert (gaps(report), report.end) == ([(8, 9)], 9)
    ledger.tamper("DELETE FROM events")
    assert gaps(ledger.store.find_gaps()) == [(1, 9)]


def test_bounds_cut_a_gap_off(unopened: Ledger) -> None:
    put(unopened, [1, 10, 20])
    assert gaps(unopened.store.find_gaps(5, 15)) == [(5, 9), (11, 15)]
    assert gaps(unopened.store.find_gaps(10, 10)) == []
    assert gaps(unopened.store.find_gaps(12, 14)) == [(12, 14)]
    assert gaps(unopened.store.find_gaps(5, 4)) == []


def test_the_limit_shortens_the_list_and_not_the_totals(unopened: Ledger) -> None:
    put(unopened, range(2, 102, 2))
    report = unopened.store.find_gaps(limit=3)
    assert gaps(report) == [(1, 1), (3, 3), (5, 5)]
    assert (report.gap_count, report.missing_count, report.is_continuous) == (50, 50, False)


def test_more_gaps_than_one_query_gives_are_all_found(unopened: Ledger) -> None:
    put(unopened, range(2, 5_002, 2))
    sound, missing = unopened.store.verify_sequence_continuity()
    assert (sound, len(missing)) == (False, 2_500)
    assert missing[0] == range(1, 2)
    assert missing[-1] == range(4_999, 5_000)
    assert len(set(missing)) == 2_500


def test_sql_and_arithmetic_find_the_same(unopened: Ledger) -> None:
    """Over random sets, dense and sparse, around the borders of the blocks."""
    near_borders = st.builds(
        lambda block, offset: max(block * BLOCK + offset, 1), st.integers(0, 3), st.integers(-3, 3)
    )
    numbers = near_borders | st.integers(1, 40)

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.sets(numbers, max_size=40), numbers, numbers)
    def check(present: set[int], one: int, other: int) -> None:
        superuser.execute("DELETE FROM events")
        values = {"event_type": "test", "payload": "{}", "agent_id": "agent-7"}
        superuser.execute(INSERT, {**values, "sequences": sorted(present)})
        start, end = sorted((one, other))
        expected = list(continuity.find_gaps(sorted(present), start=start, end=end))
        report = unopened.store.find_gaps(start, end)
        assert list(report.gaps) == expected
        assert report.missing_count == sum(gap.count for gap in expected)

    with unopened.tampering() as superuser:
        check()
        superuser.execute("DELETE FROM events")


def test_a_gap_of_a_billion_costs_what_a_gap_of_one_costs(unopened: Ledger) -> None:
    put(unopened, range(1, 1_001))
    put(unopened, [1_002])
    short = _seconds(unopened, [range(1_001, 1_002)])
    unopened.tamper("DELETE FROM events WHERE sequence = 1002")
    put(unopened, [10**9 + 1_001])
    tracemalloc.start()
    long = _seconds(unopened, [range(1_001, 10**9 + 1_001)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000
    assert long < 10 * short + 0.05


def _seconds(ledger: Ledger, expected: list[range]) -> float:
    """The best of five: what the query costs, without the machine's noise."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        answer = ledger.store.verify_sequence_continuity()
        best = min(best, time.perf_counter() - began)
        assert answer == (False, tuple(expected))
    return best


# --- Numbers that stand twice -------------------------------------------------------------------

TWICE = {
    "evened out": ([1, 2, 3, 3, 5], [(4, 4)], (3,)),
    "the first": ([1, 1, 2], [], (1,)),
    "three times, two missing": ([1, 2, 3, 3, 3, 6], [(4, 5)], (3, 3)),
    # Two sets of one size, one sum and one sum of squares: what is missing, and what appears twice.
    "evened out in sum and squares": (
        [*sorted({*range(1, 10)} - {1, 5, 6}), 2, 3, 7],
        [(1, 1), (5, 6)],
        (2, 3, 7),
    ),
    "in a whole block": (
        [*range(1, 100), *range(101, 2 * BLOCK + 1), BLOCK],
        [(100, 100)],
        (BLOCK,),
    ),
    "evened out over a border": (
        [*range(1, BLOCK + 1), *range(BLOCK + 2, 2 * BLOCK + 1), BLOCK],
        [(BLOCK + 1, BLOCK + 1)],
        (BLOCK,),
    ),
}


@pytest.mark.parametrize(("present", "expected", "repeated"), TWICE.values(), ids=TWICE.keys())
def test_a_number_twice_does_not_make_up_for_a_missing_one(
    unopened: Ledger, present: list[int], expected: list[tuple[int, int]], repeated: tuple[int, ...]
) -> None:
    unopened.tamper("ALTER TABLE events DROP CONSTRAINT events_sequence_key")
    put(unopened, sorted(present))
    report = unopened.store.find_gaps()
    assert gaps(report) == expected
    assert report.repeated == repeated
    assert report.surplus_count == len(repeated)
    assert report.gap_count == len(expected)
    assert gaps(unopened.store.find_gaps(remembered=True)) == expected


def test_gaps_are_listed_before_repeated_numbers_where_room_is_short(unopened: Ledger) -> None:
    unopened.tamper("ALTER TABLE events DROP CONSTRAINT events_sequence_key")
    put(unopened, [1, 1, 2, 2, 4, 6])
    report = unopened.store.find_gaps(limit=2)
    assert (gaps(report), report.repeated, report.surplus_count) == ([(3, 3), (5, 5)], (), 2)
    assert unopened.store.verify_sequence_continuity() == (False, (range(3, 4), range(5, 6)))
