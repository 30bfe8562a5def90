"""The listing of events: gaps in place, filters, pages by key."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest

from events.append.services import writer
from events.store.ledger import EventFilter, PostgresEventStore
from events.tests.support.ceremonies import document_gap, forge
from events.tests.support.ledger import OPENING, Ledger, submission
from observers.pages import cache
from observers.pages.events import timeline
from observers.tests.support.pages import Reader, remove, sign_in


@pytest.fixture
def reader(ledger: Ledger) -> Reader:
    """Signed in."""
    return Reader(ledger, sign_in())


def test_newest_first_and_oldest_first(reader: Reader) -> None:
    reader.ledger.write(3)
    assert reader.lines("/events/") == [6, 5, 4, 3, 2, 1]
    assert reader.lines("/events/?order=oldest") == [1, 2, 3, 4, 5, 6]


def test_gaps_are_listed_in_their_place(reader: Reader) -> None:
    reader.ledger.write(9)
    remove(reader.ledger, 1, 7, 8, 12)
    oldest_first = [(1, 1), 2, 3, 4, 5, 6, (7, 8), 9, 10, 11, (12, 12)]
    assert reader.lines("/events/?order=oldest") == oldest_first
    assert reader.lines("/events/?order=newest") == oldest_first[::-1]
    page = reader.text("/events/")
    assert "2 numbers are missing" in page
    assert page.count("not explained") >= 3


@pytest.fixture
def times(reader: Reader) -> dict[int, str]:
    """The authority times of events 1 … 12, after 7, 8 and 12 were removed: of those too."""
    reader.ledger.write(9)
    store = PostgresEventStore("default")
    found = {e.sequence: e.authority_timestamp for e in store.select(EventFilter(), limit=12)}
    remove(reader.ledger, 7, 8, 12)
    return found


@pytest.mark.parametrize(
    ("first", "before", "expected"),
    [
        (4, 6, [4, 5]),
        (4, 7, [4, 5, 6, (7, 8)]),
        (6, 7, [6, (7, 8)]),
        (7, 8, [(7, 8)]),
        (7, 9, [(7, 8)]),
        (8, 10, [(7, 8), 9]),
        (9, 11, [(7, 8), 9, 10]),  # several events of one append can have one time
        (10, 11, [10]),
        (11, None, [11, (12, 12)]),
        (12, None, [(12, 12)]),
        (None, 1, []),
        (None, 6, [1, 2, 3, 4, 5]),
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
    if extra:
        expected = [line for line in expected if line not in (1, 2, 3)]  # of the system
    assert reader.lines(f"/events/?order=oldest&{query}") == expected
    assert reader.lines(f"/events/?order=newest&{query}") == expected[::-1]
    live = reader.get(f"/events/live?order=oldest&after=0&{query}").context["page"]
    assert len(live.lines) == len(expected)


def test_a_later_quiet_time_shows_nothing_missing(reader: Reader, times: dict[int, str]) -> None:
    page = reader.text(
        f"/events/?authority_from={times[10]}&authority_to={times[11]}&agent_id=other"
    )
    assert "0 events. No event matches these filters" in page
    assert "no number is missing" in page
    assert 'class="gap' not in page


@pytest.mark.parametrize("query", ["agent_id=Agent-7", "event_type=no.such", "drifted=true"])
def test_an_empty_result_is_stated_above_gaps(
    reader: Reader, times: dict[int, str], query: str
) -> None:
    page = reader.text(f"/events/?{query}")
    assert "0 events. No event matches these filters in sequence 1 to 12." in page
    assert "Also missing in the searched range, sequence 1 to 12: 2 gaps." in page
    said = [page.index(words) for words in ("0 events.", "Also missing", 'class="gap"')]
    assert said == sorted(said)


def test_a_clock_that_ran_backwards_hides_no_gap_between_listed_events(
    reader: Reader, times: dict[int, str]
) -> None:
    moment = times[11]
    reader.ledger.tamper(
        "ALTER TABLE events DISABLE TRIGGER ALL",
        f"UPDATE events SET authority_timestamp = '{moment}' WHERE sequence = 5",
    )
    lines = reader.lines(f"/events/?order=oldest&authority_from={moment}")
    assert lines == [5, (7, 8), 11, (12, 12)]


def test_a_documented_gap_names_its_ceremony(reader: Reader) -> None:
    reader.ledger.write(4)
    remove(reader.ledger, 5, 6)
    document_gap(reader.ledger, 5, 6)
    assert reader.lines("/events/?order=oldest") == [1, 2, 3, 4, (5, 6), *range(7, 12)]
    page = reader.text("/events/")
    assert 'explained by <a href="/events/11/">ceremony 11</a>' in page
    assert "Events are missing" not in page


def test_one_approval_does_not_document(reader: Reader) -> None:
    reader.ledger.write(3)
    remove(reader.ledger, 5)
    forge(reader.ledger, {"first": 5, "last": 5, "approvals": [{"person": "first person"}]})
    assert "not explained" in reader.text("/events/")


def test_a_chosen_range_does_not_cut_a_gap(reader: Reader) -> None:
    reader.ledger.write(9)
    remove(reader.ledger, 7, 8, 9)
    assert reader.lines("/events/?start=8&end=8") == [(7, 9)]
    assert reader.lines("/events/?start=9&end=11&order=oldest") == [(7, 9), 10, 11]
    assert reader.lines("/events/?start=5&end=7&order=oldest") == [5, 6, (7, 9)]
    assert reader.lines("/events/?start=10&end=11&order=oldest") == [10, 11]


def test_gaps_show_through_filters(reader: Reader) -> None:
    reader.ledger.write(3, agent_id="agent-7")
    reader.ledger.write(3, agent_id="agent-8")
    remove(reader.ledger, 8)
    assert reader.lines("/events/?agent_id=agent-8&order=oldest") == [7, (8, 8), 9]


def test_a_page_as_wide_as_the_ledger_shows_the_same_gaps(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its gaps come from the scan of the whole ledger, remembered from before the last append."""
    reader.ledger.write(3, agent_id="agent-7")
    reader.ledger.write(3, agent_id="agent-8")
    remove(reader.ledger, 1, 8)
    monkeypatch.setattr(timeline, "WIDE", 0)
    expected = [(1, 1), 7, (8, 8), 9]
    assert reader.lines("/events/?agent_id=agent-8&order=oldest") == expected
    monkeypatch.setattr(cache, "SHARE_OF_TIME", 10**6)
    reader.get("/")
    reader.ledger.write(1, agent_id="agent-8")
    page = reader.client.get("/events/?agent_id=agent-8&order=oldest").context["page"]
    assert [line.place for line in page.lines] == [1, 7, 8, 9, 10]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("event_type=test.second", [5]),
        ("agent_id=agent-8", [6]),
        ("drifted=true", [4]),
        ("drifted=false", [1, 2, 3, 5, 6]),
        ("start=5", [5, 6]),
        ("end=5", [1, 2, 3, 4, 5]),
        ("start=5&end=5", [5]),
        ("local_to=1971-01-01T00:00", [4]),
        ("local_from=1971-01-01T00:00:00Z", [1, 2, 3, 5, 6]),
        ("event_type=never", []),
        ("agent_id=agent-7&drifted=false", [5]),
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
    assert reader.lines(f"/events/?order=oldest&authority_from={moment}") == [5, 6]
    assert reader.lines(f"/events/?order=oldest&authority_to={moment}") == [1, 2, 3, 4]
    east = events[1].authority_time.astimezone(tz=None) + timedelta()
    assert reader.lines(f"/events/?authority_from={quote(east.isoformat())}&order=oldest") == [5, 6]


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
    reader.ledger.write(230 - OPENING)
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


def test_an_empty_ledger_points_to_the_first_event(unopened: Ledger) -> None:
    assert "The ledger is empty." in Reader(unopened, sign_in()).text("/events/")


def test_shows_names_that_try_to_be_markup_as_text(reader: Reader) -> None:
    writer().write_event(submission(event_type="<script>alert(1)</script>"))
    page = reader.text("/events/")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
