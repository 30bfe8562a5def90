"""Live mode: what is new is added, and what is being read does not move."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, Page, Route, expect

from events.append.services import writer
from events.tests.support.ledger import OPENING, Ledger, submission
from observers.tests.browser.conftest import Window
from observers.tests.support.pages import remove


@pytest.fixture
def reader(ledger: Ledger, window: Window) -> Window:
    """Signed in, on a ledger longer than a screen."""
    ledger.write(40 - OPENING)
    window.page.set_viewport_size({"width": 1000, "height": 600})
    window.sign_in()
    return window


def lines(page: Page) -> list[str]:
    return page.locator("#events tbody th").all_inner_texts()


def go_live(window: Window, address: str = "/events/") -> Page:
    window.open(address)
    window.page.keyboard.press("l")
    expect(window.page.locator("#live")).to_have_attribute("aria-pressed", "true")
    return window.page


def test_is_off_until_it_is_asked_for(ledger: Ledger, reader: Window) -> None:
    asked = []
    reader.page.on("request", lambda request: asked.append(request.url))
    reader.open("/events/")
    expect(reader.page.locator("#live")).to_have_attribute("aria-pressed", "false")
    reader.page.wait_for_load_state("networkidle")
    assert not [url for url in asked if "live?" in url]


def test_at_the_beginning_new_lines_appear_by_themselves(ledger: Ledger, reader: Window) -> None:
    page = go_live(reader)
    writer().write_events([submission(number=n) for n in (41, 42)])  # no question falls between
    expect(page.locator("#s42")).to_be_visible()
    assert lines(page)[:3] == ["42", "41", "40"]
    expect(page.locator("#live-status")).to_have_text("Live: 2 new events added.")
    ledger.write(1)
    expect(page.locator("#s43")).to_be_visible()
    assert lines(page) == [str(number) for number in range(43, 0, -1)]
    assert reader.complaints == []


def test_new_events_do_not_move_what_is_being_read(ledger: Ledger, reader: Window) -> None:
    page = go_live(reader)
    page.evaluate("scrollTo(0, 500)")
    before = page.locator("#s25").bounding_box()
    ledger.write(12)
    bar = page.get_by_role("button", name="Show 12 new events")
    expect(bar).to_be_in_viewport()
    assert page.locator("#s25").bounding_box() == before
    assert lines(page)[0] == "40"
    bar.click()
    assert lines(page)[:2] == ["52", "51"]
    expect(page.locator("#s52")).to_be_in_viewport()
    expect(page.locator("#s52 a").first).to_be_focused()
    expect(page.locator("#live-bar")).to_be_hidden()


def test_a_line_that_has_the_focus_does_not_move(ledger: Ledger, reader: Window) -> None:
    page = go_live(reader)
    page.keyboard.press("j")
    before = page.locator("#s40").bounding_box()
    ledger.write(1)
    expect(page.get_by_role("button", name="Show 1 new event", exact=True)).to_be_visible()
    assert lines(page)[0] == "40"
    now = page.locator("#s40").bounding_box()
    assert before is not None
    assert now is not None
    assert now["y"] == before["y"]


def test_oldest_first_adds_below(ledger: Ledger, reader: Window) -> None:
    page = go_live(reader, "/events/?order=oldest")
    ledger.write(2)
    expect(page.locator("#s42")).to_be_attached()
    assert lines(page) == [str(number) for number in range(1, 43)]


def test_filters_hold_for_what_is_added(ledger: Ledger, reader: Window) -> None:
    page = go_live(reader, "/events/?agent_id=agent-8")
    expect(page.locator("#nothing")).to_be_visible()
    ledger.write(3)
    ledger.write(1, agent_id="agent-8")
    expect(page.locator("#s44")).to_be_visible()
    assert lines(page) == ["44"]
    expect(page.locator("#nothing")).to_have_count(0)


def test_a_gap_among_new_events_is_shown_in_its_place(ledger: Ledger, reader: Window) -> None:
    page = go_live(reader)
    page.keyboard.press("l")
    ledger.write(3)
    remove(ledger, 42)
    cache.clear()  # the banner's figures are good for some seconds, on a slow machine for twenty
    page.keyboard.press("l")
    expect(page.locator("#s43")).to_be_visible()
    assert lines(page)[:4] == ["43", "42", "41", "40"]
    expect(page.locator("#s42")).to_contain_text("1 number is missing")
    expect(page.locator("body > .banner")).to_contain_text("Events are missing")


def test_is_paused_by_the_same_key(ledger: Ledger, reader: Window) -> None:
    page = go_live(reader)
    page.keyboard.press("l")
    expect(page.locator("#live-status")).to_have_text("Live mode is paused.")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    ledger.write(1)
    page.wait_for_timeout(2500)  # longer than the pause between two questions
    assert asked == []
    assert lines(page)[0] == "40"


def test_live_mode_continues_when_paused_and_resumed_during_a_request(
    ledger: Ledger, reader: Window
) -> None:
    held: list[Route] = []
    reader.page.route("**/events/live?**", lambda route: held.append(route))
    with reader.page.expect_request("**/events/live?**"):
        page = go_live(reader)
    page.keyboard.press("l")
    expect(page.locator("#live-status")).to_have_text("Live mode is paused.")
    page.keyboard.press("l")
    ledger.write(1)
    for question in held:
        question.continue_()
    page.unroute("**/events/live?**")
    expect(page.locator("#s41")).to_be_visible()
    ledger.write(1)
    expect(page.locator("#s42")).to_be_visible()
    assert lines(page)[:3] == ["42", "41", "40"]


def test_a_halt_is_shown(ledger: Ledger, reader: Window) -> None:
    page = go_live(reader)
    ledger.query("SELECT halt_ledger('a drill')")
    expect(page.locator("body > .banner")).to_contain_text("The ledger is halted")


def test_a_cut_end_is_shown(ledger: Ledger, reader: Window) -> None:
    page = go_live(reader)
    ledger.tamper(
        "DELETE FROM events WHERE sequence > 30", "DELETE FROM appends WHERE last_sequence > 30"
    )
    expect(page.locator("#live-alarm")).to_contain_text("The ledger now ends at 30")


def test_live_mode_stops_with_a_message_when_signed_out_elsewhere(
    ledger: Ledger, reader: Window
) -> None:
    page = go_live(reader)
    page.context.clear_cookies()
    expect(page.locator("#live-status")).to_contain_text("sign in again")
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "false")


def test_a_portal_that_does_not_answer_is_asked_again(ledger: Ledger, reader: Window) -> None:
    page = go_live(reader)
    page.route("**/events/live?**", lambda route: route.abort())
    expect(page.locator("#live-status")).to_contain_text("does not answer")
    page.unroute("**/events/live?**")
    ledger.write(1)
    expect(page.locator("#s41")).to_be_visible()


def test_an_older_page_offers_no_live_mode(ledger: Ledger, reader: Window) -> None:
    reader.open("/events/?before=20")
    expect(reader.page.locator("#live")).to_have_count(0)


def test_without_javascript_it_is_not_offered(
    ledger: Ledger, browser: Browser, portal: str
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        window = Window(context.new_page(), portal)
        window.sign_in()
        window.open("/events/")
        expect(window.page.locator("#live")).to_be_hidden()
        expect(window.page.locator("#copy-curl")).to_be_hidden()
        assert not re.search(r"\sstyle=", window.page.content())
