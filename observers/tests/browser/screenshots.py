"""Takes pictures of every page for people to look at: `make screenshots`. It asserts nothing and is
not collected with the tests."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from django.core.cache import cache
from pytest_django import Settings

from auditportal.env import BASE_DIR
from events.tests.support.ledger import Ledger
from observers.tests.browser.conftest import Window
from observers.tests.browser.everywhere import SIGNED_OUT, every_page
from observers.tests.browser.scene import Scene, set_scene
from observers.tests.support.pages import sign_in

FOLDER = Path(BASE_DIR, os.environ.get("SCREENSHOTS") or "screenshots")
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
VIEWS = (os.environ.get("VIEWS") or "desktop-light desktop-dark phone-light phone-dark").split()
EMPTY = ("/", "/events/", "/gaps/", "/drift/", "/verifications/")
HALTED = ("/", "/events/", "/admin/")
TALLEST = 6000


def file_name(address: str) -> str:
    """A name that sorts and can be read."""
    return re.sub(r"[^A-Za-z0-9]+", "-", address).strip("-") or "overview"


class Camera:
    """Takes each page in every view: a size and a theme."""

    def __init__(self, window: Window) -> None:
        self.window = window
        window.page.emulate_media(reduced_motion="reduce")

    def take(self, address: str, name: str = "") -> None:
        page = self.window.page
        cache.clear()
        self.window.open(address)
        for view in VIEWS:
            size, _, theme = view.partition("-")
            width, height = SIZES[size]
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            tall = page.evaluate("document.documentElement.scrollHeight")
            page.screenshot(
                path=FOLDER / view / f"{name or file_name(address)}.png",
                full_page=tall <= TALLEST,
            )

    def print(self, address: str) -> None:
        """The page as it prints."""
        self.window.open(address)
        self.window.page.emulate_media(color_scheme="light")
        self.window.page.pdf(
            path=FOLDER / "print" / f"{file_name(address)}.pdf", format="A4", print_background=False
        )


@pytest.mark.timeout(900)
def test_take_every_picture(ledger: Ledger, settings: Settings, window: Window) -> None:
    settings.ROOT_URLCONF = "observers.tests.browser.error_urls"
    camera = Camera(window)
    for address in SIGNED_OUT:
        camera.take(address)
    window.sign_in()
    for address in EMPTY:
        camera.take(address, f"empty-{file_name(address)}")
    scene: Scene = set_scene(ledger)
    for address in every_page(sign_in(name="crawler"), scene):
        camera.take(address)
    for address in (
        f"/events/{scene.good}/",
        f"/events/{scene.changed}/",
        "/verifications/1/",
        "/gaps/",
    ):
        camera.print(address)
    ledger.query("SELECT halt_ledger('the witness keys are being examined')")
    for address in HALTED:
        camera.take(address, f"halted-{file_name(address)}")
