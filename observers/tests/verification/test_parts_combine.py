"""However a range is split, its parts joined give the report of the whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.format import event
from events.format.event import GENESIS_HASH, Event
from events.format.gaps import Gap
from observers.verification.keyring import Keyring
from observers.verification.partial_report import (
    PartialReport,
    PartsError,
    before_the_first,
    finish,
    merge,
)
from observers.verification.range_scan import RangeScan, boundary

LAST = 24
NO_KEYS = Keyring({}, {})


@dataclass(frozen=True)
class Play:
    """The events of 1 … LAST that are there, and their faults."""

    missing: frozenset[int]
    relinked: frozenset[int]
    early: frozenset[int]
    timeless: frozenset[int]
    ceremonies: dict[int, tuple[int, int]]


def places(most: int) -> st.SearchStrategy[frozenset[int]]:
    return st.frozensets(st.integers(1, LAST), max_size=most)


PLAYS = st.builds(
    Play,
    missing=places(16),
    relinked=places(5),
    early=places(5),
    timeless=places(3),
    ceremonies=st.dictionaries(
        st.integers(1, LAST),
        st.tuples(st.integers(1, LAST), st.integers(1, LAST)),
        max_size=4,
    ),
)


def chain(play: Play) -> list[Event]:
    """The events of a play: hashes made right, but for the links that are not."""
    events, previous = [], GENESIS_HASH
    for sequence in range(1, LAST + 1):
        hour = 1 if sequence in play.early else 12
        made = Event(
            event_id=f"00000000-0000-7000-8000-{sequence:012x}",
            sequence=sequence,
            event_type="ceremony.sequence_skip" if sequence in play.ceremonies else "test",
            payload=_payload(play.ceremonies.get(sequence)),
            prev_hash="f" * 64 if sequence in play.relinked else previous,
            content_hash="",
            signature="",
            hash_alg_version=1,
            sig_alg_version=1,
            agent_id=None,
            witness_id="WITNESS:none",
            witness_signature="",
            local_timestamp="2026-01-01T00:00:00.000000Z",
            authority_timestamp="infinity"
            if sequence in play.timeless
            else f"2026-01-01T{hour:02}:00:{sequence:02}.000000Z",
            signing_key_id="none",
            payload_hash="",
            payload_salt="00" * 32,
        )
        digest = event.payload_hash(bytes(32), made.canonical_payload)
        made = replace(made, payload_hash=digest)
        made = replace(made, content_hash=event.content_hash(made.signable_content()))
        previous = made.content_hash
        events.append(made)
    return [each for each in events if each.sequence not in play.missing]


def _payload(gap: tuple[int, int] | None) -> str:
    if gap is None:
        return "{}"
    people = '[{"person": "one"}, {"person": "two"}]'
    return f'{{"first": {gap[0]}, "last": {gap[1]}, "approvals": {people}}}'


def part(events: list[Event], start: int, end: int) -> PartialReport:
    walk = RangeScan(start, end, NO_KEYS, signatures=False)
    for each in events:
        if start <= each.sequence <= end:
            walk.take(each)
    return walk.finish()


def report(whole: PartialReport, events: list[Event]) -> dict[str, Any]:
    before = [e for e in events if e.sequence == whole.start - 1]
    beside_it = before_the_first() if whole.start == 1 else boundary(before[0]) if before else None
    found = finish(whole, beside_it).as_dict()
    found.pop("seconds")
    # Nobody's keys are known here, so that every event has findings of its own: leave them out.
    found["findings"] = [f for f in found["findings"] if f["check"] in ("gap", "prev_hash")]
    return found


@pytest.fixture(autouse=True)
def every_key_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys may sign everything here; a ceremony has to pass its own checks."""
    monkeypatch.setattr("observers.verification.checks._key", lambda *arguments: iter(()))


@settings(max_examples=400, deadline=None)
@given(PLAYS, st.integers(1, LAST), st.frozensets(st.integers(1, LAST), max_size=8))
def test_any_split_says_what_the_whole_says(play: Play, start: int, cuts: frozenset[int]) -> None:
    events = chain(play)
    ends = sorted({start - 1, LAST} | {cut for cut in cuts if cut >= start})
    pieces = [part(events, first + 1, last) for first, last in pairwise(ends)]
    whole = report(part(events, start, LAST), events)
    assert report(reduce(merge, pieces), events) == whole
    if len(pieces) > 2:  # whatever is joined first
        grouped = merge(pieces[0], reduce(merge, pieces[1:]))
        assert report(grouped, events) == whole


def test_a_gap_over_two_seams_is_one_finding() -> None:
    events = chain(Play(frozenset(range(5, 16)), *(frozenset(),) * 3, {}))
    whole = reduce(merge, [part(events, 1, 8), part(events, 9, 12), part(events, 13, LAST)])
    assert list(whole.gaps()) == [Gap(5, 15)]
    assert [f["sequence"] for f in report(whole, events)["findings"]] == [5]


def test_a_ceremony_that_is_not_linked_at_the_seam_explains_nothing() -> None:
    none = frozenset[int]()
    events = chain(Play(frozenset({3}), frozenset({9}), none, none, {9: (3, 3)}))
    whole = merge(part(events, 1, 8), part(events, 9, LAST))
    found = [(f["sequence"], f["check"]) for f in report(whole, events)["findings"]]
    assert found == [(3, "gap"), (9, "prev_hash")]


def test_parts_that_do_not_follow_one_another_are_refused() -> None:
    with pytest.raises(PartsError, match="a part from 6 does not follow one to 4"):
        merge(PartialReport(1, 4), PartialReport(6, 9))
