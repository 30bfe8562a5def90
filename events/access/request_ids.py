"""The id of a request: on its log lines, and on the page or problem document of what failed."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest

from events.randomness import random_piece

_ID = "portal.request_id"


def request_id(request: HttpRequest) -> str:
    """The id, made when it is first asked for; nothing that the client sends has a part in it."""
    found = request.META.get(_ID)
    if not isinstance(found, str):
        found = request.META[_ID] = str(UUID(bytes=random_piece()[:16], version=4))
    return found
