"""The listing of events: gaps in place, filters, pages by key."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest

from events.append.services import writer
from events.store.ledger import EventFilter, PostgresEventStore
from events.tests.support.ceremonies import document_gap, forge
from events.tests.support.ledger import Ledger, submission
from observers.pages import cache
from observers.pages.events import timeline
from observers.tests.support.pages import Reader, remove, sign_in


@pytest.fixture
def reader(ledger: Ledger) -> Reader:
    """Signed in."""
    return Reader(ledger, sign_in())


def test_newest_first_and_oldest_first(reader: Reader) -> None:
    reader.ledger.write(3)
    assert reader.lines("/events/") == [3, 2, 1]
    assert reader.lines("/events/?order=oldest") == [1, 2, 3]


def test_gaps_are_listed_in_their_place(reader: Reader) -> None:
    reader.ledger.write(9)
    remove(reader.ledger, 1, 4, 5, 9)
    assert reader.lines("/events/?order=oldest") == [(1, 1), 2, 3, (4, 5), 6, 7, 8, (9, 9)]
    assert reader.lines("/events/?order=newest") == [(9, 9), 8, 7, 6, (4, 5), 3, 2, (1, 1)]
    page = reader.text("/events/")
    assert "2 numbers are missing" in page
    assert page.count("not explained") >= 3


@pytest.fixture
def times(reader: Reader) -> dict[int, str]:
    """The authority times of events 1 … 9, after 4, 5 and 9 were removed: of those too."""
    reader.ledger.write(9)
    store = PostgresEventStore("default")
    found = {e.sequence: e.authority_timestamp for e in store.select(EventFilter(), limit=9)}
    remove(reader.ledger, 4, 5, 9)
    return found


@pytest.mark.parametrize(
    ("first", "before", "expected"),
    [
        (1, 3, [1, 2]),
        (1, 4, [1, 2, 3, (4, 5)]),
        (3, 4, [3, (4, 5)]),
        (4, 5, [(4, 5)]),
        (4, 6, [(4, 5)]),
        (5, 7, [(4, 5), 6]),
        (6, 8, [(4, 5), 6, 7]),  # several events of one append can have one time
        (7, 8, [7]),
        (8, None, [8, (9, 9)]),
        (9, None, [(9, 9)]),
        (None, 1, []),
        (None, 3, [1, 2]),
    ],
)
@pytest.mark.parametrize("extra", ["", "&agent_id=agent-7"])
def test_a_filter_by_time_shows_the_gaps_of_that_time_alone(
    reader: Reader,
    times: dict[int, str],
    first: int | None,
    before: int | None,
    expected: list[object],
    extra: str,
) -> None:
    bounds = {"authority_from": times.get(first or 0), "authority_to": times.get(before or 0)}
    query = urlencode({name: moment for name, moment in bounds.items() if moment}) + extra
    assert reader.lines(f"/events/?order=oldest&{query}") == expected
    assert reader.lines(f"/events/?order=newest&{query}") == expected[::-1]
    live = reader.get(f"/events/live?order=oldest&after=0&{query}").context["page"]
    assert len(live.lines) == len(expected)


def test_a_later_quiet_time_shows_nothing_missing(reader: Reader, times: dict[int, str]) -> None:
    page = reader.text(f"/events/?authority_from={times[7]}&authority_to={times[8]}&agent_id=other")
    assert "0 events. No event matches these filters" in page
    assert "no number is missing" in page
    assert 'class="gap' not in page


@pytest.mark.parametrize("query", ["agent_id=Agent-7", "event_type=no.such", "drifted=true"])
def test_an_empty_result_is_stated_above_gaps(
    reader: Reader, times: dict[int, str], query: str
) -> None:
    page = reader.text(f"/events/?{query}")
    assert "0 events. No event matches these filters in sequence 1 to 9." in page
    assert "Also missing in the searched range, sequence 1 to 9: 2 gaps." in page
    said = [page.index(words) for words in ("0 events.", "Also missing", 'class="gap"')]
    assert said == sorted(said)


def test_a_clock_that_ran_backwards_hides_no_gap_between_listed_events(
    reader: Reader, times: dict[int, str]
) -> None:
    moment = times[8]
    reader.ledger.tamper(
        "ALTER TABLE events DISABLE TRIGGER ALL",
        f"UPDATE events SET authority_timestamp = '{moment}' WHERE sequence = 2",
    )
    lines = reader.lines(f"/events/?order=oldest&authority_from={moment}")
    assert lines == [2, (4, 5), 8, (9, 9)]


def test_a_documented_gap_names_its_ceremony(reader: Reader) -> None:
    reader.ledger.write(4)
    remove(reader.ledger, 2, 3)
    document_gap(reader.ledger, 2, 3)
    assert reader.lines("/events/?order=oldest") == [1, (2, 3), 4, 5]
    page = reader.text("/events/")
    assert 'explained by <a href="/events/5/">ceremony 5</a>' in page
    assert "Events are missing" not in page


def test_one_approval_does_not_document(reader: Reader) -> None:
    reader.ledger.write(3)
    remove(reader.ledger, 2)
    forge(reader.ledger, {"first": 2, "last": 2, "approvals": [{"person": "first person"}]})
    assert "not explained" in reader.text("/events/")


def test_a_chosen_range_does_not_cut_a_gap(reader: Reader) -> None:
    reader.ledger.write(9)
    remove(reader.ledger, 4, 5, 6)
    assert reader.lines("/events/?start=5&end=5") == [(4, 6)]
    assert reader.lines("/events/?start=6&end=8&order=oldest") == [(4, 6), 7, 8]
    assert reader.lines("/events/?start=2&end=4&order=oldest") == [2, 3, (4, 6)]
    assert reader.lines("/events/?start=7&end=8&order=oldest") == [7, 8]


def test_gaps_show_through_filters(reader: Reader) -> None:
    reader.ledger.write(3, agent_id="agent-7")
    reader.ledger.write(3, agent_id="agent-8")
    remove(reader.ledger, 5)
    assert reader.lines("/events/?agent_id=agent-8&order=oldest") == [4, (5, 5), 6]


def test_a_page_as_wide_as_the_ledger_shows_the_same_gaps(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its gaps come from the scan of the whole ledger, remembered from before the last append."""
    reader.ledger.write(3, agent_id="agent-7")
    reader.ledger.write(3, agent_id="agent-8")
    remove(reader.ledger, 1, 5)
    monkeypatch.setattr(timeline, "WIDE", 0)
    expected = [(1, 1), 4, (5, 5), 6]
    assert reader.lines("/events/?agent_id=agent-8&order=oldest") == expected
    monkeypatch.setattr(cache, "SHARE_OF_TIME", 10**6)
    reader.get("/")
    reader.ledger.write(1, agent_id="agent-8")
    page = reader.client.get("/events/?agent_id=agent-8&order=oldest").context["page"]
    assert [line.place for line in page.lines] == [1, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("event_type=test.second", [2]),
        ("agent_id=agent-8", [3]),
        ("drifted=true", [1]),
        ("drifted=false", [2, 3]),
        ("start=2", [2, 3]),
        ("end=2", [1, 2]),
        ("start=2&end=2", [2]),
        ("local_to=1971-01-01T00:00", [1]),
        ("local_from=1971-01-01T00:00:00Z", [2, 3]),
        ("event_type=never", []),
        ("agent_id=agent-7&drifted=false", [2]),
    ],
)
def test_filters(reader: Reader, query: str, expected: list[int]) -> None:
    long_ago = datetime(1970, 1, 1, tzinfo=UTC)
    writer().write_event(submission(local_timestamp=long_ago))
    writer().write_event(submission(event_type="test.second"))
    writer().write_event(submission(agent_id="agent-8"))
    assert reader.lines(f"/events/?order=oldest&{query}") == expected


def test_authority_time_filter_is_half_open(reader: Reader) -> None:
    events = reader.ledger.write(3)
    moment = events[1].authority_timestamp
    assert reader.lines(f"/events/?order=oldest&authority_from={moment}") == [2, 3]
    assert reader.lines(f"/events/?order=oldest&authority_to={moment}") == [1]
    east = events[1].authority_time.astimezone(tz=None) + timedelta()
    assert reader.lines(f"/events/?authority_from={quote(east.isoformat())}&order=oldest") == [2, 3]


@pytest.mark.parametrize(
    "query",
    [
        "start=abc",
        "end=-1",
        f"start={2**63}",
        "order=sideways",
        "limit=7",
        "drifted=maybe",
        "local_from=yesterday",
        "after=x",
        "event_type=" + "x" * 201,
        "agent_id=a%00b",
    ],
)
def test_a_wrong_address_is_explained(reader: Reader, query: str) -> None:
    reader.ledger.write(1)
    page = reader.text(f"/events/?{query}", status=400)
    assert 'class="field-error"' in page


@pytest.mark.parametrize("order", ["", "oldest"])
@pytest.mark.parametrize("direction", ["next", "previous"])
def test_pages_meet_every_event_and_gap_once(reader: Reader, order: str, direction: str) -> None:
    """Both orders, walked from either end, over gaps at the ends and across page borders."""
    reader.ledger.write(230)
    missing = [1, 2, *range(49, 53), 101, *range(149, 152), 229, 230]
    remove(reader.ledger, *missing)
    lines = walk(reader, f"/events/?order={order}", direction)
    places = [line if isinstance(line, int) else line[0] for line in lines]
    assert sorted(places) == sorted(set(places))
    rising = sorted(lines, key=lambda line: line if isinstance(line, int) else line[0])
    expected = [s for s in range(1, 231) if s not in missing]
    assert [line for line in rising if isinstance(line, int)] == expected
    assert [line for line in rising if isinstance(line, tuple)] == [
        (1, 2),
        (49, 52),
        (101, 101),
        (149, 151),
        (229, 230),
    ]
    assert lines == (rising if order else rising[::-1])


def walk(reader: Reader, address: str, direction: str) -> list[int | tuple[int, int]]:
    """The lines of every page, in the order of the listing, by its own links."""
    pages = []
    if direction == "previous":
        address = "/events/" + reader.get(address).context["links"]["last"]
    for _ in itertools.count():
        pages.append(reader.lines(address))
        onward = reader.get(address).context["links"][direction]
        if onward is None:
            break
        address = "/events/" + onward
    if direction == "previous":
        pages.reverse()
    return [line for page in pages for line in page]


def test_an_empty_ledger_points_to_the_first_event(reader: Reader) -> None:
    assert "The ledger is empty." in reader.text("/events/")


def test_shows_names_that_try_to_be_markup_as_text(reader: Reader) -> None:
    writer().write_event(submission(event_type="<script>alert(1)</script>"))
    page = reader.text("/events/")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
