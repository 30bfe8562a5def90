"""Fixtures: a browser and a portal for it. The browser is kept from reaching any other host.

Tests share a server and a profile, because a profile's first window alone costs a second. Each test
has its own ledger and windows, and leaves neither cookies nor stored data behind.
"""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.test import Client
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


class _Server(ThreadedWSGIServer):
    """Answers each request in a thread of its own."""

    daemon_threads = False
    block_on_close = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Quiet)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self._connections: WeakSet[socket.socket] = WeakSet()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def settle(self) -> None:
        """Wait until everything asked so far is answered, and close what the browser opened in
        advance."""
        with socket.create_connection(("127.0.0.1", self.server_port)) as last:
            last.shutdown(socket.SHUT_WR)
            last.recv(1)  # connections are accepted in order, and an empty request gets no answer
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        for thread in threading.enumerate():
            if "process_request_thread" in thread.name:
                thread.join()


@pytest.fixture(scope="package")
def server() -> Iterator[_Server]:
    """A server for all tests of this folder; it reads the ledger of the test that runs."""
    server = _Server()
    server.set_app(StaticFilesHandler(WSGIHandler()))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def portal(ledger: Ledger, server: _Server) -> Iterator[str]:
    """The address of a portal over this test's ledger."""
    account = get_user_model()(username=NAME, is_staff=True, is_superuser=True)
    account.set_password(PASSWORD)
    account.save()
    yield server.address
    server.settle()


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

    def sign_in(self) -> None:
        """Take over a session; no page is opened."""
        client = Client()
        client.force_login(get_user_model().objects.get(username=NAME))
        name = settings.SESSION_COOKIE_NAME
        value = client.cookies[name].value
        self.page.context.add_cookies([{"name": name, "value": value, "url": self.portal}])

    def log_in(self) -> None:
        """Sign in through the form, as people do; leads to the overview."""
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


@pytest.fixture(scope="package")
def profile(browser: Browser) -> Iterator[Page]:
    """The empty window that keeps the profile of the tests open."""
    context = browser.new_context()
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def context(profile: Page, portal: str) -> Iterator[BrowserContext]:
    """A profile without cookies, stored data and permissions. Its windows are closed before the
    portal, whose threads wait for their connections."""
    context = profile.context
    yield context
    for page in context.pages:
        if page is not profile:
            page.close()
    context.clear_cookies()
    context.clear_permissions()
    browser = context.new_cdp_session(profile)
    browser.send("Storage.clearDataForOrigin", {"origin": portal, "storageTypes": "all"})
    browser.detach()


@pytest.fixture
def window(context: BrowserContext, portal: str) -> Window:
    """A window at the portal, not signed in."""
    window = Window(context.new_page(), portal)
    window.listen()
    return window
