"""The pages work without a mouse, and without JavaScript."""

from __future__ import annotations

from playwright.sync_api import Browser

from events.tests.support.ledger import Ledger
from observers.tests.browser.conftest import NAME, Window

FOCUSED = "document.activeElement.textContent.trim() || document.activeElement.name"


def tab_through(window: Window, presses: int) -> list[str]:
    """The elements that get the focus, one for each press."""
    reached = []
    for _ in range(presses):
        window.page.keyboard.press("Tab")
        reached.append(str(window.page.evaluate(FOCUSED)))
    return reached


def test_tab_reaches_the_skip_link_first_and_then_every_section(
    ledger: Ledger, window: Window
) -> None:
    ledger.write(2)
    window.sign_in()
    window.open("/")
    reached = tab_through(window, 15)
    assert reached[0] == "Skip to content"
    expected = [
        "Overview",
        "Events",
        "Gaps",
        "Drift",
        "Verifications",
        "Admin",
        "q",
        "Go",
        NAME,
        "Log out",
    ]
    assert [name for name in reached if name in expected] == expected


def test_the_skip_link_is_seen_and_leads_to_the_content(ledger: Ledger, window: Window) -> None:
    window.page.emulate_media(reduced_motion="reduce")
    window.sign_in()
    window.open("/events/")
    window.page.keyboard.press("Tab")
    assert window.page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    window.page.keyboard.press("Enter")
    assert window.page.evaluate("document.activeElement.id") == "content"
    assert tab_through(window, 1) == ["Live"]


def test_focus_can_be_seen(ledger: Ledger, window: Window) -> None:
    ledger.write(2)
    window.sign_in()
    window.open("/events/")
    for _ in range(25):
        window.page.keyboard.press("Tab")
        outline = window.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", window.page.evaluate(FOCUSED)


def test_finds_an_event_by_typing(ledger: Ledger, window: Window) -> None:
    ledger.write(3)
    window.sign_in()
    window.open("/")
    window.page.focus("#finder")
    window.page.keyboard.type("5")
    window.page.keyboard.press("Enter")
    window.page.wait_for_url(window.portal + "/events/5/")


def test_filters_by_typing(ledger: Ledger, window: Window) -> None:
    ledger.write(2, agent_id="agent-7")
    ledger.write(1, agent_id="agent-8")
    window.sign_in()
    window.open("/events/")
    window.page.focus("[name=agent_id]")
    window.page.keyboard.type("agent-8")
    window.page.keyboard.press("Enter")
    window.page.wait_for_url("**agent_id=agent-8**")
    assert window.page.locator("tbody tr").count() == 1


def test_reads_without_javascript(ledger: Ledger, browser: Browser, portal: str) -> None:
    ledger.write(3)
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        window = Window(page, portal)
        window.log_in()
        for address in ("/", "/events/", "/events/5/", "/gaps/", "/drift/"):
            assert window.open(address) == 200
            assert page.locator("h1").count() == 1
        page.click("text=Log out")
        page.wait_for_url("**/login/**")
