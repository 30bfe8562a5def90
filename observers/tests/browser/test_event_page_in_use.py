"""The page of an event in a reader's hands: searching, copying, keys, paper, narrow windows."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from events.append.services import writer
from events.format.event import Event
from events.tests.support.ledger import Ledger, submission
from observers.tests.browser.conftest import Window

PAYLOAD = {
    "note": "Needle in here",
    "list": [{"deep": {"deeper": {"needle": number}}} for number in range(30)],
    "n": 18446744073709551615,
}


@pytest.fixture
def stored(ledger: Ledger) -> Event:
    """An event between two others, with a payload that does not unfold at once."""
    ledger.write(1)
    long_ago = datetime(1970, 1, 1, tzinfo=UTC)
    written = writer().write_event(submission(PAYLOAD, local_timestamp=long_ago)).event
    ledger.write(1)
    return written


@pytest.fixture
def opened(stored: Event, window: Window) -> Window:
    """At the page of that event."""
    window.sign_in()
    window.open("/events/5/")
    return window


def test_search_marks_and_unfolds_what_it_finds(opened: Window) -> None:
    page = opened.page
    deep = page.locator("#tree .json-key", has_text="needle")
    assert page.locator("#tree .json-key:visible", has_text="needle").count() == 0
    page.fill("#tree-search", "NEEDLE")
    assert page.locator("#tree .match:visible").count() == 31
    assert deep.first.is_visible()
    assert page.inner_text("#tree-found") == "31 found"
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert page.inner_text("#tree-found") == "2 of 31"
    assert page.locator("#tree .match-here").count() == 1
    page.fill("#tree-search", "haystack")
    assert page.inner_text("#tree-found") == "Nothing found"
    assert page.locator("#tree .match").count() == 0


def test_folds_and_unfolds_everything(opened: Window) -> None:
    everything = opened.page.locator("#tree details")
    opened.page.click("#tree-unfold")
    assert opened.page.locator("#tree details[open]").count() == everything.count()
    opened.page.click("#tree-fold")
    assert opened.page.locator("#tree details[open]").count() == 0


def test_copies_the_canonical_json_and_the_permanent_link(opened: Window, stored: Event) -> None:
    opened.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.page.click(".raw-json summary")
    opened.page.click('[data-copy-text="raw-json"]')
    expect(opened.page.locator(".raw-json [role=status]")).to_have_text("Copied.")
    copied = opened.page.evaluate("navigator.clipboard.readText()")
    assert str(copied).encode() == stored.canonical_payload
    opened.page.click('[data-copy-text="permalink"]')
    expect(opened.page.locator(".permalink [role=status]")).to_have_text("Copied.")
    link = str(opened.page.evaluate("navigator.clipboard.readText()"))
    assert link == f"{opened.portal}/events/5/?content_hash={stored.content_hash}"
    opened.page.goto(link)
    assert opened.page.get_by_text("it still matches").count() == 1


def test_keys_lead_to_the_neighbours_and_to_the_check(opened: Window) -> None:
    opened.page.keyboard.press("j")
    opened.page.wait_for_url("**/events/6/")
    opened.page.keyboard.press("k")
    opened.page.wait_for_url("**/events/5/")
    opened.page.keyboard.press("v")
    expect(opened.page.locator("#verify-button")).to_have_text("Check again")
    opened.page.keyboard.press("f")
    opened.page.keyboard.type("jjj")
    assert opened.page.input_value("#tree-search") == "jjj"
    assert opened.page.url.endswith("/events/5/")


def test_shows_the_times_in_the_readers_zone_next_to_utc(
    stored: Event, browser: Browser, portal: str
) -> None:
    with browser.new_context(timezone_id="Asia/Kolkata") as context:
        window = Window(context.new_page(), portal)
        window.sign_in()
        window.open("/events/5/")
        times = window.page.locator(".clock-times")
        expect(times).to_contain_text("1970-01-01 00:00:00.000000 UTC")
        expect(times).to_contain_text("05:30:00")
        expect(times).to_contain_text("+05:30 (Asia/")


def test_reads_folds_and_shows_its_verdicts_without_javascript(
    stored: Event, browser: Browser, portal: str
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        window = Window(context.new_page(), portal)
        window.sign_in()
        window.open("/events/5/")
        assert window.page.locator("#verdicts .state-passed").count() == 13
        first = window.page.locator("#tree > li > details > summary")
        first.click()
        assert window.page.locator("#tree .json-key:visible").count() == 0
        for unusable in ("#verify-button", "#tree-search", ".copying button"):
            assert window.page.locator(f"{unusable}:visible").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_before_and_after_the_check(opened: Window, scheme: str) -> None:
    opened.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for prepare in (None, "#verify-button", "#tree-unfold", ".raw-json summary"):
        if prepare:
            opened.page.click(prepare)
        if prepare == "#verify-button":
            expect(opened.page.locator("#verify-button")).to_have_text("Check again")
        found = Axe().run(opened.page)
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [320, 360, 640])
def test_fits_a_phone_and_a_page_enlarged_twice(opened: Window, width: int) -> None:
    """A window of 1280 enlarged to 200 % is 640 wide; WCAG 1.4.10 asks for 320."""
    opened.page.set_viewport_size({"width": width, "height": 740})
    opened.page.click("#verify-button")
    expect(opened.page.locator("#verify-button")).to_have_text("Check again")
    opened.page.click("#tree-unfold")
    opened.page.click(".raw-json summary")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_ordinary_event_prints_as_a_record_of_one_page(ledger: Ledger, window: Window) -> None:
    writer().write_event(submission({f"field {n}": f"value {n}" for n in range(25)}))
    window.sign_in()
    window.open("/events/4/")
    window.page.click("#verify-button")
    expect(window.page.locator("#verify-button")).to_have_text("Check again")
    paper = window.page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", paper)) == 1


def test_print_unfolds_the_payload_and_shows_the_whole_link(opened: Window, stored: Event) -> None:
    opened.page.emulate_media(media="print")
    assert opened.page.locator("#permalink").is_visible()
    assert stored.content_hash in opened.page.inner_text("#permalink")
    assert opened.page.locator("#tree .json-key:visible", has_text="needle").count() == 30
    for button in opened.page.locator("main button").all():
        assert not button.is_visible()
