"""A link that pins an event's hash: quiet while it holds, loud when it does not."""

from __future__ import annotations

import re

import pytest

from events.tests.support.ledger import Ledger
from observers.tests.support.pages import Reader, remove, sign_in

OTHER = "ab" * 32
NOT_THE_SAME = "This is not the event that the link was made for."


@pytest.fixture
def reader(ledger: Ledger) -> Reader:
    """Signed in."""
    return Reader(ledger, sign_in())


def test_the_page_gives_a_link_that_pins_its_hash(reader: Reader) -> None:
    event = reader.ledger.write(2)[1]
    page = reader.text("/events/5/")
    link = re.search(r'<a href="([^"]+)">Permanent link</a>', page)
    assert link is not None
    assert link[1] == f"http://testserver/events/5/?content_hash={event.content_hash}"
    assert "it still matches" in reader.text(link[1])
    assert NOT_THE_SAME not in reader.text(link[1])


def test_an_address_that_pins_nothing_says_nothing_of_it(reader: Reader) -> None:
    reader.ledger.write(1)
    page = reader.text("/events/4/")
    assert "still matches" not in page
    assert 'role="alert"' not in page


def test_a_hash_that_no_longer_matches_is_a_conflict_and_an_alert(reader: Reader) -> None:
    old = reader.ledger.write(2)[1]
    reader.ledger.tamper(f"UPDATE events SET content_hash = '{OTHER}' WHERE sequence = 5")
    page = reader.text(f"/events/5/?content_hash={old.content_hash}", status=409)
    assert re.search(r'<div class="pin-broken" role="alert">', page)
    assert NOT_THE_SAME in page
    assert old.content_hash in page
    assert OTHER in page
    assert "All checks passed" not in page
    assert "No check failed" not in page


def test_a_sound_event_that_is_not_the_pinned_one_is_not_called_well(reader: Reader) -> None:
    reader.ledger.write(1)
    page = reader.text(f"/events/4/?content_hash={OTHER}", status=409)
    assert "not the event the link was made for" in page
    assert "All checks passed" not in page
    assert "No check failed" not in page


def test_a_pinned_event_that_is_gone_is_reported(reader: Reader) -> None:
    old = reader.ledger.write(3)[1]
    remove(reader.ledger, 5)
    page = reader.text(f"/events/5/?content_hash={old.content_hash}", status=404)
    assert "The event that the link was made for is not here." in page
    assert old.content_hash in page
    assert "is missing" in page


@pytest.mark.parametrize("cut", ["", "abc", "ab" * 31, "zz" * 32, "ab" * 400])
def test_a_link_that_was_cut_proves_nothing(reader: Reader, cut: str) -> None:
    reader.ledger.write(1)
    page = reader.text(f"/events/4/?content_hash={cut}", status=400)
    assert "is not a hash" in page


def test_a_hash_is_the_same_in_capitals(reader: Reader) -> None:
    event = reader.ledger.write(1)[0]
    assert "it still matches" in reader.text(
        f"/events/4/?content_hash={event.content_hash.upper()}"
    )
