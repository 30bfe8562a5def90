"""Fixtures: a browser and a portal for it. The browser is kept from reaching any other host."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    sync_playwright,
)

from events.tests.support.ledger import Ledger

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
REPORT_VIOLATIONS = """document.addEventListener("securitypolicyviolation", (violation) =>
    reportViolation(`${location.href}: ${violation.violatedDirective} ${violation.blockedURI}`))"""
NAME, PASSWORD = "auditor", "a password for tests"


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.0"  # no connection outlives its request

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what matters is asserted."""


@pytest.fixture(scope="session")
def chromium() -> str:
    """Finds Chromium."""
    found = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on this machine (on Debian: apt install chromium)")
    return found


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Drives the browser from this thread, in which others would then see an event loop: Django,
    and the tests of the worker, so it ends with the tests of this folder."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as driver:
        yield driver
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def portal(ledger: Ledger) -> Iterator[str]:
    """The address of a portal over this test's ledger."""
    account = get_user_model()(username=NAME, is_staff=True, is_superuser=True)
    account.set_password(PASSWORD)
    account.save()
    server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
    server.daemon_threads = False
    server.block_on_close = True
    server.set_app(StaticFilesHandler(WSGIHandler()))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Window:
    """A browser window that remembers every complaint of the browser."""

    page: Page
    portal: str
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Note errors and warnings on the console, and uncaught exceptions."""
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.expose_function("reportViolation", lambda line: self.complaints.append(line))
        self.page.add_init_script(REPORT_VIOLATIONS)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{self.page.url}: {message.text}")

    def open(self, address: str) -> int:
        """Go to a page of the portal; returns its status."""
        response = self.page.goto(self.portal + address)
        assert response is not None
        return response.status

    def log_in(self) -> None:
        """Through the form, as people do."""
        self.open("/login/")
        self.page.fill("[name=username]", NAME)
        self.page.fill("[name=password]", PASSWORD)
        self.page.click("main button")
        self.page.wait_for_url(self.portal + "/")


@pytest.fixture(scope="package")
def browser(chromium: str, playwright: Playwright) -> Iterator[Browser]:
    """One browser of this test run."""
    browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
    yield browser
    browser.close()


@pytest.fixture
def context(browser: Browser, portal: str) -> Iterator[BrowserContext]:
    """A fresh profile. It is closed before the portal, whose threads wait for its connections."""
    context = browser.new_context()
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def window(context: BrowserContext, portal: str) -> Window:
    """A window at the portal, not signed in."""
    window = Window(context.new_page(), portal)
    window.listen()
    return window
