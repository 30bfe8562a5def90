"""The keys of the pages: what they reach, when they keep still, and the list of them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from events.tests.support.ledger import Ledger
from observers.tests.browser.conftest import Window


@pytest.fixture
def reader(ledger: Ledger, window: Window) -> Window:
    """Signed in, on a ledger of three events, its opening."""
    window.sign_in()
    window.open("/")
    return window


def test_sequences_lead_to_the_sections(reader: Window) -> None:
    for keys, address in (("ge", "/events/"), ("gg", "/gaps/"), ("gd", "/drift/"), ("go", "/")):
        for key in keys:
            reader.page.keyboard.press(key)
        reader.page.wait_for_url(reader.portal + address)
    assert reader.complaints == []


def test_slash_reaches_the_find_box_and_escape_leaves_it(reader: Window) -> None:
    reader.page.keyboard.press("/")
    expect(reader.page.locator("#finder")).to_be_focused()
    assert reader.page.input_value("#finder") == ""
    reader.page.keyboard.press("Escape")
    expect(reader.page.locator("#finder")).not_to_be_focused()


def test_keys_keep_still_in_fields_and_with_modifiers(reader: Window) -> None:
    reader.page.keyboard.press("/")
    reader.page.keyboard.type("ge?")
    assert reader.page.input_value("#finder") == "ge?"
    reader.page.keyboard.press("Escape")
    reader.page.keyboard.press("Control+?")
    reader.page.keyboard.press("Alt+?")
    expect(reader.page.locator("#keys")).to_be_hidden()
    assert reader.page.url == reader.portal + "/"


def test_the_question_mark_lists_the_keys(reader: Window) -> None:
    reader.open("/events/")
    reader.page.keyboard.press("?")
    dialog = reader.page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_be_visible()
    listed = dict(
        zip(
            dialog.locator("dt").all_inner_texts(),
            dialog.locator("dd").all_inner_texts(),
            strict=True,
        )
    )
    assert listed["g then e"] == "Events"
    assert listed["/"] == "Find a sequence or event id"
    assert listed["j"] == "Next line"
    reader.page.keyboard.press("g")
    reader.page.keyboard.press("o")
    assert reader.page.url == reader.portal + "/events/"
    reader.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_list_also_opens_by_a_button(reader: Window) -> None:
    reader.page.get_by_role("button", name="Keyboard shortcuts (?)").click()
    expect(reader.page.locator("#keys")).to_be_visible()
    reader.page.get_by_role("button", name="Close").click()
    expect(reader.page.locator("#keys")).to_be_hidden()


def test_keys_can_be_switched_off_and_on(reader: Window) -> None:
    """WCAG 2.1.4: whoever speaks to the machine must not set them off."""
    reader.page.get_by_role("button", name="Keyboard shortcuts (?)").click()
    reader.page.uncheck("#keys-on")
    reader.page.keyboard.press("Escape")
    reader.open("/events/")
    for key in ("?", "g", "o"):
        reader.page.keyboard.press(key)
    expect(reader.page.locator("#keys")).to_be_hidden()
    assert reader.page.url == reader.portal + "/events/"
    reader.page.get_by_role("button", name="Keyboard shortcuts (?)").click()
    reader.page.check("#keys-on")
    reader.page.keyboard.press("Escape")
    reader.page.keyboard.press("?")
    expect(reader.page.locator("#keys")).to_be_visible()


def test_lines_are_walked_by_key(reader: Window) -> None:
    reader.open("/events/")
    reached = []
    for key in "jjjjk":
        reader.page.keyboard.press(key)
        reached.append(reader.page.evaluate("document.activeElement.textContent"))
    assert reached == ["3", "2", "1", "1", "2"]
    reader.page.keyboard.press("Enter")
    reader.page.wait_for_url("**/events/2/")


def test_without_javascript_no_key_is_promised(
    ledger: Ledger, browser: Browser, portal: str
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        window = Window(context.new_page(), portal)
        window.sign_in()
        window.open("/")
        expect(window.page.locator("#keys-open")).to_be_hidden()
        expect(window.page.locator("#keys")).to_be_hidden()
