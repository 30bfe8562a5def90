"""The banner and the masthead in a browser: said once, read by keyboard, reached at every width."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from events.tests.support.ledger import Ledger
from observers.tests.browser.conftest import Window
from observers.tests.support.pages import remove


def test_the_banner_is_announced_when_it_changes_and_not_on_every_page(
    ledger: Ledger, window: Window
) -> None:
    ledger.write(6)
    remove(ledger, 6)
    window.sign_in()
    window.open("/")
    said = window.page.locator("body > [role=alert]")
    expect(said).to_have_text("1 missing")
    window.open("/gaps/")
    expect(window.page.locator(".banner-line")).to_contain_text("1 missing")
    expect(said).to_have_count(0)
    ledger.query("SELECT halt_ledger('looked into', 'olaf')")
    window.open("/drift/")
    expect(said).to_contain_text("HALTED since")
    assert window.complaints == []


def test_the_details_open_by_keyboard(ledger: Ledger, window: Window) -> None:
    ledger.write(6)
    remove(ledger, 6)
    window.sign_in()
    window.open("/")
    details = window.page.locator(".banner details p").first
    expect(details).to_be_hidden()
    window.page.locator(".banner summary").focus()
    window.page.keyboard.press("Enter")
    expect(details).to_contain_text("Events are missing.")


@pytest.mark.parametrize("width", [1920, 1280, 640, 390, 320])
def test_the_account_is_reached_at_every_width(ledger: Ledger, window: Window, width: int) -> None:
    window.page.set_viewport_size({"width": width, "height": 800})
    window.sign_in()
    window.open("/")
    window.page.get_by_role("link", name="Account auditor").click()
    window.page.wait_for_url("**/account/")
    assert window.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_masthead_and_banner_are_aligned_with_the_content(ledger: Ledger, window: Window) -> None:
    ledger.write(6)
    remove(ledger, 6)
    window.page.set_viewport_size({"width": 1920, "height": 800})
    window.sign_in()
    window.open("/")
    lefts = {
        window.page.locator(part).first.bounding_box()["x"]  # type: ignore[index]
        for part in (".masthead .brand", ".banner-line", "main h1")
    }
    assert len(lefts) == 1, lefts
