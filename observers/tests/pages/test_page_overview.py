"""The first page: how the ledger stands, and the banner of what is wrong."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from events.append.services import writer
from events.tests.support.ledger import Ledger, submission
from observers.tests.support.pages import PAGES, Reader, remove, sign_in
from observers.verification_jobs.runner import run_verification
from observers.verification_jobs.tasks import request


def test_an_empty_ledger_says_what_to_do_next(unopened: Ledger) -> None:
    page = Reader(unopened, sign_in()).text("/")
    assert "The ledger is empty and ready." in page
    assert "issue_token --agent" in page
    assert 'class="banner' not in page


def test_an_opened_ledger_says_how_an_agent_writes(ledger: Ledger) -> None:
    reader = Reader(ledger, sign_in())
    assert "issue_token --agent" in reader.text("/")
    ledger.write()
    assert "issue_token --agent" not in reader.text("/")


def test_shows_the_head_and_the_latest_events(ledger: Ledger) -> None:
    events = ledger.write(20)
    response = Reader(ledger, sign_in()).get("/")
    page = response.content.decode()
    assert "The ledger is running, and no number is missing." in page
    assert events[-1].content_hash in page
    shown = [line.event.sequence for line in response.context["lines"]]
    assert shown == list(range(23, 8, -1))


def test_counts_recent_drift_warnings(ledger: Ledger) -> None:
    long_ago = datetime(1970, 1, 1, tzinfo=UTC)
    writer().write_event(submission(local_timestamp=long_ago))
    context = Reader(ledger, sign_in()).get("/").context
    assert (context["last_hour"].clocks, context["last_day"].clocks) == (1, 1)


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
    assert "The record of the halt is gone." in page


def test_a_truncated_ledger_is_reported_on_every_page(ledger: Ledger) -> None:
    ledger.write(4)
    remove(ledger, 6, 7)
    reader = Reader(ledger, sign_in())
    for address in PAGES:
        page = reader.text(address)
        assert "The last event should be number 7, but the last one found is 5." in page
        assert "2 numbers are missing" in page


def test_a_replaced_last_event_is_reported(ledger: Ledger) -> None:
    ledger.write(2)
    ledger.tamper("UPDATE events SET content_hash = repeat('a', 64) WHERE sequence = 5")
    assert "Event 5 is not the one that was recorded." in Reader(ledger, sign_in()).text("/")


def test_an_event_beyond_the_head_is_reported(ledger: Ledger) -> None:
    ledger.write(3)
    ledger.tamper("DELETE FROM appends WHERE last_sequence = 6")
    page = Reader(ledger, sign_in()).text("/")
    assert "record ends at number 5, but events up to 6 were found" in page.replace("&#x27;", "'")


def test_missing_events_are_reported_in_plain_words(ledger: Ledger) -> None:
    ledger.write(9)
    remove(ledger, 6, 9, 10)
    page = Reader(ledger, sign_in()).text("/events/")
    assert "Events are missing." in page
    assert "3 numbers are missing from the sequence in 2 places, first at 6" in page


def verify(ledger: Ledger, end: int) -> int:
    """Verify 1 … end as the worker would."""
    number = request(requested_by="auditor", start=1, end=end).pk
    run_verification(number)
    return number


def test_says_when_the_ledger_was_last_verified(ledger: Ledger) -> None:
    ledger.write(3)
    reader = Reader(ledger, sign_in())
    assert re.search(r'href="/verifications/">never<', reader.text("/"))
    number = verify(ledger, 5)
    page = reader.text("/")
    assert f'href="/verifications/{number}/">through 5<' in page
    assert "no findings" in page
    assert 'class="banner' not in page


def test_a_verification_with_findings_is_shown_until_one_finds_nothing(
    ledger: Ledger,
) -> None:
    ledger.write(3)
    reader = Reader(ledger, sign_in())
    ledger.tamper("UPDATE events SET payload = '{\"number\": 9}' WHERE sequence = 5")
    number = verify(ledger, 6)
    for address in ("/", "/events/", "/gaps/"):
        page = reader.text(address)
        assert "The last verification found something wrong." in page
        assert f'href="/verifications/{number}/"' in page
    ledger.tamper("UPDATE events SET payload = '{\"number\": 1}' WHERE sequence = 5")
    verify(ledger, 4)  # which does not look at event 5
    assert "The last verification found something wrong." in reader.text("/")
    verify(ledger, 6)
    assert 'class="banner' not in reader.text("/")


def test_complete_through_stops_before_the_first_unexplained_gap(ledger: Ledger) -> None:
    ledger.write(9)
    reader = Reader(ledger, sign_in())
    assert reader.get("/").context["outlook"].scan.complete_through == 12
    remove(ledger, 8, 10)
    assert reader.get("/").context["outlook"].scan.complete_through == 7


def test_a_gap_appears_without_a_restart(ledger: Ledger) -> None:
    ledger.write(5)
    reader = Reader(ledger, sign_in())
    reader.get("/")
    remove(ledger, 6)
    deadline = time.monotonic() + 60
    while "Events are missing." not in reader.client.get("/").content.decode():
        assert time.monotonic() < deadline
