"""Every page, in both themes: no barrier that axe finds, no complaint of the browser, no page
wider than its window, and none that needs JavaScript to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from pytest_django import Settings

from events.tests.support.ledger import Ledger
from observers.tests.browser.conftest import Window
from observers.tests.browser.everywhere import SIGNED_OUT, every_page
from observers.tests.browser.scene import Scene, set_scene
from observers.tests.support.pages import sign_in

WIDTHS = {"a phone": 390, "200 % zoom": 640}
NEEDS_JAVASCRIPT = ("/api/docs",)
"""The browsable API is a program in the page; its text is `docs/http-api.md` and `/api/schema`."""

NOT_OURS = {"exclude": [["#swagger-ui"]]}
"""The inside of the browsable API is the Swagger package's own program."""

OPTIONS = {"resultTypes": ["violations"], "preload": False}
"""Without preloading, axe itself breaks no content policy."""

SCHEMES: dict[Literal["light", "dark"], dict[str, Any]] = {
    "light": OPTIONS,
    "dark": {**OPTIONS, "runOnly": ["color-contrast"]},
}
"""The dark scheme changes colours and nothing else, so only their rule is asked again."""

EXPECTED_ERRORS = "Failed to load resource: the server responded with a status of"
"""Chromium's line for a page whose own status is an error, as that of an error page is."""


@pytest.fixture
def scene(ledger: Ledger, settings: Settings) -> Scene:
    settings.ROOT_URLCONF = "observers.tests.browser.error_urls"
    return set_scene(ledger)


@pytest.fixture
def pages(scene: Scene) -> list[str]:
    """Every address to look at when signed in."""
    found = every_page(sign_in(name="crawler"), scene)
    assert len(found) > 40, found
    return found


def complaints(window: Window) -> list[str]:
    """The browser's console messages, except for the status of an error page itself."""
    return [line for line in window.complaints if EXPECTED_ERRORS not in line]


@pytest.mark.timeout(600)
def test_no_barrier_and_no_complaint_on_any_page(
    pages: list[str], scene: Scene, window: Window
) -> None:
    found = _barriers(window, SIGNED_OUT)
    window.sign_in()
    found += _barriers(window, pages)
    found += complaints(window)
    assert not found, "\n".join(found)


def _barriers(window: Window, addresses: Sequence[str]) -> list[str]:
    """The findings of axe, in light and dark mode."""
    found = []
    window.page.emulate_media(reduced_motion="reduce")  # no colour is caught on its way
    for address in addresses:
        window.open(address)
        if address in NEEDS_JAVASCRIPT:
            window.page.wait_for_selector("#swagger-ui main")
        for scheme, options in SCHEMES.items():
            window.page.emulate_media(color_scheme=scheme)
            results: dict[str, Any] = Axe().run(window.page, NOT_OURS, options).response
            found += [
                f"{address} in {scheme}: {violation['id']}: {node['target']} {node['html'][:160]} "
                f"{[check['message'] for check in node['any']][:2]}"
                for violation in results["violations"]
                for node in violation["nodes"][:4]
            ]
    return found


@pytest.mark.timeout(600)
def test_no_page_is_wider_than_its_window_or_makes_the_browser_complain(
    pages: list[str], scene: Scene, window: Window
) -> None:
    window.sign_in()
    wide = []
    for address in pages:
        window.open(address)
        for name, width in WIDTHS.items():
            window.page.set_viewport_size({"width": width, "height": 800})
            needed = window.page.evaluate("document.documentElement.scrollWidth")
            if needed > width:
                wide.append(f"{address} needs {needed} px on {name}")
    wide += complaints(window)
    assert not wide, "\n".join(wide)


@pytest.mark.timeout(600)
def test_no_page_needs_javascript_to_be_read(
    pages: list[str], scene: Scene, browser: Browser, portal: str
) -> None:
    unread = []
    with browser.new_context(java_script_enabled=False) as context:
        window = Window(context.new_page(), portal)
        window.sign_in()
        for address in pages:
            if address in NEEDS_JAVASCRIPT:
                continue
            window.open(address)
            main = window.page.locator("main")
            if window.page.locator("h1:visible").count() < 1 or len(main.inner_text()) < 40:
                unread.append(address)
    assert unread == []


def test_an_event_prints_as_a_record_without_the_furniture(scene: Scene, window: Window) -> None:
    window.sign_in()
    window.open(f"/events/{scene.good}/")
    window.page.emulate_media(media="print")
    window.page.set_viewport_size({"width": 718, "height": 1000})  # A4 less 1 cm on each side
    for furniture in (".masthead .sections", ".masthead .finder", ".masthead .account", ".skip"):
        assert not window.page.locator(furniture).first.is_visible(), furniture
    assert window.page.locator("h1").is_visible()
    assert window.page.evaluate("document.documentElement.scrollWidth") <= 718
    window.page.pdf(format="A4")
