"""Writing answers: JSON by orjson, with stored events spliced in as the text they are.

It must never decode a payload: a number in it would pass through a double.
"""

from __future__ import annotations

from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer

from events.event import Event, event_json


class OrjsonRenderer(BaseRenderer):
    """JSON in UTF-8."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        """The bytes of an answer; nothing for none."""
        return b"" if data is None else orjson.dumps(data)


def fragment(event: Event) -> orjson.Fragment:
    """An event to put into an answer, byte for byte as the format writes it."""
    return orjson.Fragment(event_json(event))
