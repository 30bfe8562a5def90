"""No page makes the browser complain: no script error, no violation of the content policy."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from events.append.services import writer
from events.models import LedgerEvent
from events.tests.support.ledger import Ledger, submission
from observers.tests.browser.conftest import Window
from observers.tests.support.pages import remove

PAGES = (
    "/",
    "/events/",
    "/events/?order=oldest&limit=100&authority_from=2020-01-01T00:00",
    "/events/4/",
    "/gaps/",
    "/drift/",
    "/admin/",
    "/admin/events/ledgerevent/",
    "/admin/events/ledgerevent/?q=5",
    "/admin/events/clockdriftwarning/",
    "/admin/events/agentkey/",
    "/admin/events/witness/",
    "/admin/events/append/",
    "/admin/events/haltstate/",
    "/admin/events/apitoken/",
    "/admin/auth/user/",
    "/admin/auth/user/1/change/",
    "/admin/password_change/",
)


@pytest.fixture
def troubled(ledger: Ledger) -> Ledger:
    """A ledger with drift and a gap, so that every part of every page is drawn."""
    long_ago = datetime(1970, 1, 1, tzinfo=UTC)
    writer().write_event(submission(local_timestamp=long_ago))
    ledger.write(6)
    remove(ledger, 6, 7)
    return ledger


def test_no_page_makes_the_browser_complain(troubled: Ledger, window: Window) -> None:
    for address in ("/login/", "/admin/login/"):
        assert window.open(address) == 200
    window.log_in()
    event = LedgerEvent.objects.get(sequence=4)
    for address in (*PAGES, f"/admin/events/ledgerevent/{event.pk}/change/"):
        assert window.open(address) == 200, address
    assert window.complaints == []


def test_pages_fit_a_phone(troubled: Ledger, window: Window) -> None:
    window.sign_in()
    window.page.set_viewport_size({"width": 360, "height": 740})
    for address in ("/", "/events/", "/events/4/", "/gaps/", "/drift/", "/events/6/"):
        window.open(address)
        assert window.page.evaluate("document.documentElement.scrollWidth") <= 360, address


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_follows_the_readers_choice_of_light(troubled: Ledger, window: Window, scheme: str) -> None:
    """The admin and the portal are one house: the same ground under both."""
    window.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    window.sign_in()
    grounds = set()
    for address in ("/", "/admin/"):
        window.open(address)
        grounds.add(window.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 1
    brightness = sum(int(part) for part in grounds.pop()[4:-1].split(","))
    assert (brightness > 600) is (scheme == "light")
