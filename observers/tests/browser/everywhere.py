"""Lists every page of the portal: found by following links, plus those that no link leads to.

A new page that nothing links to needs a line in `UNLINKED`.
"""

from __future__ import annotations

from collections import deque
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from django.test import Client
from django.urls import Resolver404, resolve

from observers.tests.browser.scene import Scene

STARTS = ("/", "/admin/")
SIGNED_OUT = ("/login/", "/admin/login/")

UNLINKED = (
    "/events/?order=oldest&limit=100&authority_from=2020-01-01T00:00",
    "/events/?event_type=nothing.of.the.kind",
    "/events/?order=sideways",
    "/events/?drifted=true",
    "/events/{lost}/",
    "/events/{skipped}/",
    "/events/{changed}/",
    "/events/{drifted}/",
    "/events/{ceremony}/",
    "/events/{last}/",
    "/events/999999/",
    "/events/find?q=nonsense",
    "/docs/event-format/",
    "/verifications/1/",
    "/verifications/2/",
    "/verifications/3/",
    "/verifications/4/",
    "/verifications/5/",
    "/verifications/?start=0",
    "/admin/events/ledgerevent/?q=2",
    "/admin/events/ledgerevent/?q=nobody",
    "/nothing/here/",
    "/errors/400/",
    "/errors/403/",
    "/errors/429/",
    "/errors/locked/",
    "/errors/recovery/",
    "/errors/second/",
    "/account/second-factor/set-up/",
    "/access/?outcome=maybe",
    "/access/?who=nobody",
    "/errors/csrf/",
    "/errors/500/",
    "/errors/503/",
)
"""Pages that no link leads to, and states of pages; names in braces are the scene's."""

PER_ROUTE = 1
"""Pages that are looked at of one route, such as one event of all."""


class _Links(HTMLParser):
    """The addresses that a page links to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.found.append(href)


def crawl(client: Client) -> list[str]:
    """Pages reached from the front page, `PER_ROUTE` of each route."""
    waiting, seen, pages = deque(STARTS), dict[str, int](), list[str]()
    while waiting:
        address = waiting.popleft()
        route = _route(address)
        if route is None or seen.get(route, 0) >= PER_ROUTE:
            continue
        response = client.get(address, follow=True)
        if not _is_page(response):
            continue
        seen[route] = seen.get(route, 0) + 1
        pages.append(address)
        links = _Links()
        links.feed(response.content.decode())
        waiting.extend(_inner(address, href) for href in links.found)
    return pages


def every_page(client: Client, scene: Scene) -> list[str]:
    """Lists the pages to visit when signed in."""
    named = vars(scene)
    return list(dict.fromkeys([*crawl(client), *(page.format(**named) for page in UNLINKED)]))


def _is_page(response: Any) -> bool:
    return (
        not response.streaming
        and response.status_code == 200
        and response["Content-Type"].startswith("text/html")
    )


def _inner(page: str, href: str) -> str:
    """An address of the portal itself without its fragment; "" for one of somebody else."""
    parts = urlsplit(urldefrag(urljoin(page, href)).url)
    if parts.scheme or parts.netloc:
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _route(address: str) -> str | None:
    """Names the view that answers, and for the admin its model: one page of each is enough."""
    try:
        return resolve(urlsplit(address).path).view_name if address else None
    except Resolver404:
        return None
