"""Writing answers: JSON by orjson, with stored events spliced in as the text they are.

It must never decode a payload: a number in it would pass through a double.
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
        """The bytes of an answer; nothing for none."""
        if renderer_context:
            _let_go(renderer_context)
        return b"" if data is None else orjson.dumps(data)


def _let_go(context: Mapping[str, Any]) -> None:
    """Open the circles that the framework ties between view, request and answer, which nobody walks
    after this. Closed, each answered page of a thousand events would stay in memory until Python's
    collector comes round to the oldest objects: over a gigabyte with eight readers."""
    view, request = context.get("view"), context.get("request")
    if view is not None:
        view.response = None
    if context.get("response") is not None:
        context["response"].renderer_context = {}
    if request is not None:
        request.parser_context = {}


class Negotiation(DefaultContentNegotiation):
    """The framework's, which is asked only where a caller is particular."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> Any:
        """The first renderer for whoever takes anything, or names its type."""
        first, *others = renderers
        if request._request.META.get("HTTP_ACCEPT", "*/*") in ("*/*", first.media_type):
            return first, first.media_type
        return super().select_renderer(request, [first, *others], format_suffix)


def encode(event: Event) -> bytes:
    """An event as JSON, byte for byte as the format writes it.

    Raises:
        Refused: its payload is none that a submission could have put there.
    """
    try:
        return event_json(event)
    except CanonicalJSONError as error:
        raise Refused(
            UNREADABLE_EVENT,
            f"the payload of sequence {event.sequence} has no canonical form: {error}",
            sequence=event.sequence,
        ) from error
