"""The first page: how the ledger stands, and the banner of what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime

from events.composition import writer
from events.tests.ledger import Ledger, submission
from observers.tests.pages import PAGES, Reader, remove, sign_in


def test_an_empty_ledger_says_what_to_do_next(ledger: Ledger) -> None:
    page = Reader(ledger, sign_in()).text("/")
    assert "The ledger is empty and ready." in page
    assert "issue_token --agent" in page
    assert 'role="alert"' not in page


def test_shows_the_head_and_the_latest_events(ledger: Ledger) -> None:
    events = ledger.write(20)
    response = Reader(ledger, sign_in()).get("/")
    page = response.content.decode()
    assert "The ledger is running, and no number is missing." in page
    assert events[-1].content_hash in page
    shown = [line.event.sequence for line in response.context["lines"]]
    assert shown == list(range(20, 5, -1))


def test_counts_recent_drift_warnings(ledger: Ledger) -> None:
    long_ago = datetime(1970, 1, 1, tzinfo=UTC)
    writer().write_event(submission(local_timestamp=long_ago))
    context = Reader(ledger, sign_in()).get("/").context
    assert (context["last_hour"], context["last_day"]) == (1, 1)


def test_a_halted_ledger_says_so_on_every_page(ledger: Ledger) -> None:
    ledger.write(2)
    ledger.query("SELECT halt_ledger('a disk lost a page')")
    reader = Reader(ledger, sign_in())
    for address in (*PAGES, "/admin/", "/events/99/"):
        page = reader.client.get(address).content.decode()
        assert "The ledger is halted." in page, address
        assert "a disk lost a page" in page


def test_a_lost_halt_state_counts_as_halted(ledger: Ledger) -> None:
    ledger.tamper("DELETE FROM halt_state")
    page = Reader(ledger, sign_in()).text("/")
    assert "The ledger is halted." in page
    assert "The record of its state is gone." in page


def test_a_cut_tail_is_told_on_every_page(ledger: Ledger) -> None:
    ledger.write(4)
    remove(ledger, 3, 4)
    reader = Reader(ledger, sign_in())
    for address in PAGES:
        page = reader.text(address)
        assert "The last event should be number 4, but the last one found is 2." in page
        assert "2 numbers are missing" in page


def test_a_replaced_last_event_is_told(ledger: Ledger) -> None:
    ledger.write(2)
    ledger.tamper("UPDATE events SET content_hash = repeat('a', 64) WHERE sequence = 2")
    assert "Event 2 is not the one that was recorded." in Reader(ledger, sign_in()).text("/")


def test_an_event_beyond_the_head_is_told(ledger: Ledger) -> None:
    ledger.write(3)
    ledger.tamper("DELETE FROM appends WHERE last_sequence = 3")
    page = Reader(ledger, sign_in()).text("/")
    assert "record ends at number 2, but events up to 3 were found" in page.replace("&#x27;", "'")


def test_missing_events_are_told_in_plain_words(ledger: Ledger) -> None:
    ledger.write(9)
    remove(ledger, 3, 6, 7)
    page = Reader(ledger, sign_in()).text("/events/")
    assert "Events are missing." in page
    assert "3 numbers are missing from the sequence in 2 places, first at 3" in page
