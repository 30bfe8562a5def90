"""Shows the active filters of the events list, and asks the HTTP API for the same events.

Each filter becomes a chip with a link that removes it; all together become an API query and a curl
command, which names a token but holds none.

Invariant: every filter that narrows the list has a chip.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from urllib.parse import urlencode

from events.format.timestamps import format_timestamp
from events.store.ledger import EventFilter
from observers.pages.events.form import EventFilterForm
from observers.pages.listing import page_address
from observers.payload_field import text_alike

API_NAMES = {"event_types": "event_type"}
"""API parameters whose name differs from the filter's field."""


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
    """A curl command. The percent-encoded query holds nothing that a shell would interpret."""
    address = f"{site}/api/v1/events" + (f"?{query}" if query else "")
    return f'curl -sS "{address}" \\\n  -H "Authorization: Bearer $TOKEN"'


LABELS = {
    "event_type": "type",
    "agent_id": "agent",
    "system": "recorded by",
    "drifted": "drift",
    "start": "from sequence",
    "end": "to sequence",
    "authority_from": "authority time from",
    "authority_to": "authority time to (excluded)",
    "local_from": "local time from",
    "local_to": "local time to (excluded)",
}
WORDS = {
    ("system", "true"): "the system",
    ("system", "false"): "an agent",
    ("drifted", "true"): "with drift warning",
    ("drifted", "false"): "without drift warning",
}


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter, and the address of the list without it."""

    name: str
    value: str
    without: str


def chips(form: EventFilterForm) -> list[Chip]:
    """One chip per filter, and one per chosen type."""
    chosen, view = form.filters, form.view
    found = []
    for name, label in LABELS.items():
        for value in chosen.get(name, ()):
            rest = {other: values for other, values in chosen.items() if other != name}
            if len(chosen[name]) > 1:
                rest[name] = [each for each in chosen[name] if each != value]
            shown = WORDS.get((name, value), _moment(name, value))
            found.append(Chip(label, shown, page_address(view | rest)))
    if "payload_field" in chosen:
        rest = {n: v for n, v in chosen.items() if not n.startswith("payload_")}
        path, value = chosen["payload_field"][0], chosen.get("payload_value", [""])[0]
        value += ", also as text" if text_alike(value) else ""
        found.append(Chip(f"payload {path}", value, page_address(view | rest)))
    return found


def _moment(name: str, value: str) -> str:
    """Adds "UTC" to a time that has no offset."""
    if name.endswith(("_from", "_to")) and "T" in value and len(value) <= 23 and value[-1] != "Z":
        return f"{value.replace('T', ' ')} UTC"
    return value
