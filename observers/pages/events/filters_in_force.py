"""Shows the active filters of the events list, and asks the HTTP API for the same events.

Each filter becomes a chip with a link that removes it; all together become an API query and a curl
command, which names a token but holds none.

Invariant: every filter that narrows the list has a chip.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from observers.filters.definitions import EVENTS
from observers.pages.events.form import EventFilterForm
from observers.pages.listing import page_address


def api_query(form: EventFilterForm) -> str:
    """The filters as parameters of `GET /api/v1/events` and of the export."""
    pairs = [
        (each.name, each.written(form.cleaned_data[each.name], text))
        for each in EVENTS
        for text in form.filters.get(each.name, ())
    ]
    if form.event_filter().payload_text is not None:
        pairs.append(("payload_alike", "true"))
    return urlencode(pairs)


def as_curl(site: str, query: str) -> str:
    """A curl command. The percent-encoded query holds nothing that a shell would interpret."""
    address = f"{site}/api/v1/events" + (f"?{query}" if query else "")
    return f'curl -sS "{address}" \\\n  -H "Authorization: Bearer $TOKEN"'


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter, and the address of the list without it."""

    name: str
    value: str
    without: str


def chips(form: EventFilterForm) -> list[Chip]:
    """One chip per filter, and one per chosen type."""
    chosen, found = form.filters, []
    for each in EVENTS:
        for text in chosen.get(each.name, ()) if each.chip else ():
            rest = [other for other in chosen[each.name] if other != text]
            found.append(Chip(each.chip, each.shown(text), _without(form, {each.name: rest})))
    if "payload_field" in chosen:
        (path,), (value,) = chosen["payload_field"], chosen["payload_value"]
        value += ", also as text" if form.event_filter().payload_text is not None else ""
        without = _without(form, {"payload_field": [], "payload_value": []})
        found.append(Chip(f"payload {path}", value, without))
    return found


def _without(form: EventFilterForm, left: dict[str, list[str]]) -> str:
    """The address of the list with only these values left of some filters."""
    return page_address(form.here | left)
