"""The gaps page: ranges with their neighbours, in pages."""

from __future__ import annotations

import pytest

from events.tests.ledger import Ledger
from observers.tests.pages import Reader, remove, sign_in


@pytest.fixture
def reader(ledger: Ledger) -> Reader:
    """Signed in."""
    return Reader(ledger, sign_in())


def test_says_what_was_looked_at_when_nothing_is_missing(reader: Reader) -> None:
    reader.ledger.write(3)
    assert "Sequences 1 to 3: none missing" in reader.text("/gaps/")


def test_an_empty_ledger_misses_nothing(reader: Reader) -> None:
    assert "The ledger is empty, so nothing can be missing." in reader.text("/gaps/")


def test_lists_ranges_with_their_neighbours(reader: Reader) -> None:
    events = reader.ledger.write(9)
    remove(reader.ledger, 1, 4, 5, 9)
    placed = reader.get("/gaps/").context["placed"]
    found = [(p.known.gap.start, p.known.gap.end, p.before, p.after) for p in placed]
    assert found == [(1, 1, None, 2), (4, 5, 3, 6), (9, 9, 8, None)]
    assert placed[1].before_time == events[2].authority_timestamp
    assert placed[1].after_time == events[5].authority_timestamp


def test_a_gap_of_a_billion_is_one_line(reader: Reader) -> None:
    reader.ledger.write(2)
    reader.ledger.tamper("UPDATE events SET sequence = 1000000001 WHERE sequence = 2")
    page = reader.text("/gaps/")
    assert "999,999,999" in page
    assert len(page) < 20_000
    assert "999,999,999 numbers are missing" in reader.text("/events/")


def test_pages_through_many_gaps(reader: Reader) -> None:
    reader.ledger.write(121)
    remove(reader.ledger, *range(2, 122, 2))
    first = reader.get("/gaps/").context
    rest = reader.get(f"/gaps/?after={first['next_after']}").context
    starts = [p.known.gap.start for page in (first, rest) for p in page["placed"]]
    assert starts == list(range(2, 121, 2))
    assert rest["next_after"] is None


def test_a_wrong_place_is_refused(reader: Reader) -> None:
    assert "Enter a whole number" in reader.text("/gaps/?after=x", status=400)
