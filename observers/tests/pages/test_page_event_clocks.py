"""The two clocks on one line: to scale, within the drawing, and in words too."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.append.services import writer
from events.format.event import Event
from events.format.timestamps import format_timestamp
from events.tests.support.ledger import Ledger, submission
from observers.pages.event.figures import Clocks, read_clocks
from observers.tests.support.pages import Reader, sign_in

NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)
THRESHOLD = Decimal(5)
TEMPLATE = Event(
    event_id="0191d7a0-0000-7000-8000-000000000001",
    sequence=1,
    event_type="test.happened",
    payload="{}",
    prev_hash="0" * 64,
    content_hash="0" * 64,
    signature="",
    hash_alg_version=1,
    sig_alg_version=1,
    agent_id=None,
    witness_id="WITNESS:alpha",
    witness_signature="",
    local_timestamp="",
    authority_timestamp=format_timestamp(NOON),
    signing_key_id="",
    payload_hash="0" * 64,
    payload_salt="0" * 64,
)


def clocks(local: datetime) -> Clocks:
    """The drawing of an event of noon whose writer's clock showed `local`."""
    drawn = read_clocks(replace(TEMPLATE, local_timestamp=format_timestamp(local)), THRESHOLD)
    assert drawn is not None
    return drawn


def test_the_distance_is_to_scale_with_the_threshold() -> None:
    drawn = clocks(NOON + timedelta(seconds=10))
    assert drawn.warned
    assert (drawn.local.place, drawn.authority.place) == (Decimal(95), Decimal(35))
    assert (drawn.tolerated.start, drawn.tolerated.width) == (Decimal(5), Decimal(60))
    assert (drawn.drifted.start, drawn.drifted.width) == (Decimal(35), Decimal(60))


@pytest.mark.parametrize(("seconds", "warned"), [(5, False), (-5, False), (6, True), (-6, True)])
def test_beyond_the_threshold_a_warning_is_shown(seconds: int, warned: bool) -> None:
    assert clocks(NOON + timedelta(seconds=seconds)).warned is warned


@given(st.integers(-739_000, 2_900_000))
def test_every_pair_of_times_fits_the_drawing(days: int) -> None:
    drawn = clocks(NOON + timedelta(days=days))
    for stretch in (drawn.drifted, drawn.tolerated):
        assert stretch.width >= 0
        assert Decimal(5) <= stretch.start <= stretch.start + stretch.width <= Decimal(95)
    assert {drawn.local.place, drawn.authority.place} <= {
        drawn.drifted.start,
        drawn.drifted.start + drawn.drifted.width,
    }


def test_an_unreadable_time_is_not_drawn() -> None:
    assert read_clocks(replace(TEMPLATE, local_timestamp="noon"), THRESHOLD) is None


def test_the_drawing_has_words_and_no_inline_style(ledger: Ledger) -> None:
    writer().write_event(submission(local_timestamp=datetime(1970, 1, 1, tzinfo=UTC)))
    page = Reader(ledger, sign_in()).text("/events/4/")
    assert 'role="img" aria-label="The two clocks to scale: the writer' in page
    assert "outside the threshold of 5 seconds" in page
    assert "style=" not in page
