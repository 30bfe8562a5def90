"""The same question to the HTTP API: its query, and the command that asks it.

It must never hold a token, nor ask for anything but what the page shows.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from urllib.parse import urlencode

from events.store.ledger import EventFilter
from events.timestamps import format_timestamp
from observers.pages.events_form import EventFilterForm

API_NAMES = {"event_types": "event_type"}
"""Where the API's parameter is named otherwise than the filter's field."""


def api_query(form: EventFilterForm) -> str:
    """The filters as parameters of `GET /api/v1/events` and of the export."""
    chosen: EventFilter = form.event_filter()
    pairs: list[tuple[str, str]] = []
    for each in fields(chosen):
        value = getattr(chosen, each.name)
        if value is None or each.name.startswith("payload_"):
            continue
        for one in value if isinstance(value, list) else [value]:
            pairs.append((API_NAMES.get(each.name, each.name), _text(one)))
    for name in ("payload_field", "payload_value"):
        pairs += [(name, value) for value in form.filters.get(name, ())]
    if chosen.payload_text is not None:
        pairs.append(("payload_alike", "true"))
    return urlencode(pairs)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return format_timestamp(value) if isinstance(value, datetime) else str(value)


def as_curl(site: str, query: str) -> str:
    """A command for a shell; the query is percent-encoded, so nothing in it is the shell's."""
    address = f"{site}/api/v1/events" + (f"?{query}" if query else "")
    return f'curl -sS "{address}" \\\n  -H "Authorization: Bearer $TOKEN"'
