"""Renders portal pages, and lists the sections of the navigation.

Invariant: views read everything before rendering; a template runs no query.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from events.accounts.roles import SEE_ACCESS, may
from observers.pages.status import LedgerStatus


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its main page by route name, its keyboard shortcut, and its other routes."""

    name: str
    page: str
    key: str
    others: tuple[str, ...] = ()


SECTIONS = (
    Section("Overview", "overview", "g o"),
    Section("Events", "events", "g e", ("event", "event-by-id", "find-event")),
    Section("Gaps", "gaps", "g g"),
    Section("Drift", "drift", "g d"),
    Section("Verifications", "verifications", "g v", ("verification", "start-verification")),
    Section("Watch", "watch", "g w"),
    Section(
        "Ceremonies",
        "ceremonies",
        "g c",
        ("ceremony", "propose-ceremony", "vote-ceremony", "record-ceremony", "halt"),
    ),
)
ACCESS = Section("Access", "access-log", "g l")
ADMIN = Section("Admin", "admin:index", "g a")


@dataclass(frozen=True, slots=True)
class SectionLink:
    """A link to a section; `current` is the value of `aria-current`, or empty."""

    name: str
    href: str
    key: str
    current: str


def sections(request: HttpRequest) -> list[SectionLink]:
    """The sections that the reader may open."""
    chosen = list(SECTIONS)
    if may(request.user, SEE_ACCESS):
        chosen.append(ACCESS)
    if getattr(request.user, "is_staff", False):
        chosen.append(ADMIN)
    return [
        SectionLink(each.name, reverse(each.page), each.key, _current(request, each))
        for each in chosen
    ]


def _current(request: HttpRequest, section: Section) -> str:
    match = request.resolver_match
    if match is None:
        return ""
    if match.view_name == section.page and section is not ADMIN:
        return "page"
    within = match.view_name in section.others or (section is ADMIN and match.app_name == "admin")
    return "true" if within else ""


def render_page(
    request: HttpRequest,
    template: str,
    outlook: LedgerStatus,
    context: Mapping[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    """Renders a page with the status banner; no cache may store it."""
    response = render(request, template, {"outlook": outlook, **context}, status=status)
    response["Cache-Control"] = "private, no-store"
    return response
