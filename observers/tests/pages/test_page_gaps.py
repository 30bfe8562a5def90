"""The gaps page: ranges with their neighbours, in pages, and a map to look into."""

from __future__ import annotations

import pytest

from events.tests.support.ledger import Ledger
from observers.pages.gaps import listing as gap_listing
from observers.tests.support.pages import Reader, remove, sign_in


@pytest.fixture
def reader(ledger: Ledger) -> Reader:
    """Signed in."""
    return Reader(ledger, sign_in())


def test_says_what_was_looked_at_when_nothing_is_missing(reader: Reader) -> None:
    reader.ledger.write(3)
    assert "Sequences 1 to 6: none missing" in reader.text("/gaps/")


def test_an_empty_ledger_misses_nothing(unopened: Ledger) -> None:
    page = Reader(unopened, sign_in()).text("/gaps/")
    assert "The ledger is empty, so nothing can be missing." in page


def test_lists_ranges_with_their_neighbours(reader: Reader) -> None:
    events = reader.ledger.write(9)
    remove(reader.ledger, 1, 7, 8, 12)
    placed = reader.get("/gaps/").context["placed"]
    found = [(p.known.gap.start, p.known.gap.end, p.before, p.after) for p in placed]
    assert found == [(1, 1, None, 2), (7, 8, 6, 9), (12, 12, 11, None)]
    assert placed[1].before_time == events[2].authority_timestamp
    assert placed[1].after_time == events[5].authority_timestamp
    assert placed[0].seconds_between is None
    assert 0 < placed[1].seconds_between < 60


def test_a_gap_of_a_billion_is_one_line(reader: Reader) -> None:
    reader.ledger.write(2)
    reader.ledger.tamper("UPDATE events SET sequence = 1000000004 WHERE sequence = 5")
    response = reader.get("/gaps/")
    page = response.content.decode()
    assert "999,999,999" in page
    assert len(response.context["placed"]) == 1
    assert len(page) < 120_000
    assert page.count('tabindex="-1" aria-label') == 253, "one stop for the keyboard, not 256"
    assert "999,999,999 numbers are missing" in reader.text("/events/")


def starts(reader: Reader, address: str) -> list[int]:
    """The first numbers of the gaps on a page."""
    return [placed.known.gap.start for placed in reader.get(address).context["placed"]]


def test_pages_through_many_gaps_both_ways(reader: Reader) -> None:
    reader.ledger.write(241)
    remove(reader.ledger, *range(5, 245, 2))
    pages, address = [], "/gaps/"
    while address:
        pages.append(starts(reader, address))
        onward = reader.get(address).context["page"].next
        last, address = address, f"/gaps/{onward}" if onward else ""
    assert [start for page in pages for start in page] == list(range(5, 244, 2))
    back = []
    while last:
        back.append(starts(reader, last))
        backward = reader.get(last).context["page"].previous
        last = f"/gaps/{backward}" if backward else ""
    assert back == pages[::-1]


def test_a_stretch_shows_its_gaps_at_full_length(reader: Reader) -> None:
    reader.ledger.write(30)
    remove(reader.ledger, 6, 13, 14, 15, 23)
    response = reader.get("/gaps/?start=14&end=22")
    placed = response.context["placed"]
    assert [(p.known.gap.start, p.known.gap.end) for p in placed] == [(13, 15)]
    cells = response.context["coverage"].cells
    assert [cell.start for cell in cells if cell.missing] == [14, 15]


def test_a_wide_stretch_is_answered_from_the_scan(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gap_listing, "WIDE", 5)
    reader.ledger.write(40)
    remove(reader.ledger, 6, 13, 14, 33)
    assert starts(reader, "/gaps/") == [6, 13, 33]
    assert starts(reader, "/gaps/?start=14&end=32") == [13]
    assert starts(reader, "/gaps/?start=15&end=43") == [33]


def test_more_gaps_than_are_listed_are_on_the_map(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gap_listing, "MOST", 3)
    reader.ledger.write(40)
    remove(reader.ledger, *range(5, 40, 5))
    response = reader.get("/gaps/")
    assert "The first 3 gaps of this range;" in response.content.decode()
    cells = response.context["coverage"].cells
    assert [cell.start for cell in cells if cell.unexplained] == list(range(5, 40, 5))


def test_a_stretch_outside_the_ledger_is_explained(reader: Reader) -> None:
    reader.ledger.write(3)
    assert "the ledger goes from 1 to 6" in reader.text("/gaps/?start=10&end=20")


@pytest.mark.parametrize("query", ["after=x", "before=-1", "start=1.5", "end=x"])
def test_a_wrong_place_is_refused(reader: Reader, query: str) -> None:
    assert 'class="field-error"' in reader.text(f"/gaps/?{query}", status=400)
