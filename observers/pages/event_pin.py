"""A link to an event that pins its `content_hash`, and whether the event still is that one.

It must never let a link that no longer matches look like one that does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus

from django.http import HttpRequest
from django.urls import reverse

from events.event import Event

PARAMETER = "content_hash"
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Pin:
    """The hash that a link names, and the one that is there now; None: the event is gone."""

    wanted: str
    found: str | None

    @property
    def readable(self) -> bool:
        return _HASH.fullmatch(self.wanted) is not None

    @property
    def holds(self) -> bool:
        return self.wanted == self.found

    @property
    def status(self) -> int:
        """409 when the ledger and the link contradict each other."""
        if not self.readable:
            return HTTPStatus.BAD_REQUEST
        return HTTPStatus.OK if self.holds else HTTPStatus.CONFLICT


def read_pin(request: HttpRequest, event: Event | None) -> Pin | None:
    """What the address pins; None when it pins nothing."""
    wanted = request.GET.get(PARAMETER)
    if wanted is None:
        return None
    return Pin(wanted.strip().lower()[:200], event.content_hash if event else None)


def permanent_address(request: HttpRequest, event: Event) -> str:
    """The whole address of an event, with its hash."""
    place = reverse("event", args=[event.sequence])
    return request.build_absolute_uri(f"{place}?{PARAMETER}={event.content_hash}")
