"""Renders responses: JSON by orjson, with stored events spliced in as raw text.

Invariant: a payload is never decoded, because its numbers would be converted to doubles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from events.api.problems import UNREADABLE_EVENT, Refused
from events.errors import CanonicalJSONError
from events.format.event import Event, event_json


class OrjsonRenderer(BaseRenderer):
    """JSON in UTF-8."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the bytes of a response; empty for None."""
        if renderer_context:
            _break_cycles(renderer_context)
        return b"" if data is None else orjson.dumps(data)


def _break_cycles(context: Mapping[str, Any]) -> None:
    """Break DRF's reference cycles between view, request and response.

    The response is then freed at once and not by the gen-2 collection (measured: over 1 GB with
    eight readers of pages of a thousand events).
    """
    view, request = context.get("view"), context.get("request")
    if view is not None:
        view.response = None
    if context.get("response") is not None:
        context["response"].renderer_context = {}
    if request is not None:
        request.parser_context = {}


class Negotiation(DefaultContentNegotiation):
    """DRF's content negotiation, skipped where the caller accepts anything."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> Any:
        """Return the first renderer if the caller accepts anything or names its type."""
        first, *others = renderers
        if request._request.META.get("HTTP_ACCEPT", "*/*") in ("*/*", first.media_type):
            return first, first.media_type
        return super().select_renderer(request, [first, *others], format_suffix)


def encode(event: Event) -> bytes:
    """Encode an event as JSON, byte for byte as the event format specifies.

    Raises:
        Refused: its payload cannot have come from a submission.
    """
    try:
        return event_json(event)
    except CanonicalJSONError as error:
        raise Refused(
            UNREADABLE_EVENT,
            f"the payload of sequence {event.sequence} has no canonical form: {error}",
            sequence=event.sequence,
        ) from error
