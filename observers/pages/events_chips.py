"""The filters in force, each with the address of the listing without it.

It must never leave one out: what narrows a listing is always seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from observers.pages.addresses import page_address
from observers.pages.events_form import EventFilterForm
from observers.payload_field import text_alike

LABELS = {
    "event_type": "type",
    "agent_id": "agent",
    "system": "recorded by",
    "drifted": "drift",
    "start": "from sequence",
    "end": "to sequence",
    "authority_from": "authority time from",
    "authority_to": "authority time before",
    "local_from": "local time from",
    "local_to": "local time before",
}
WORDS = {
    ("system", "true"): "the system",
    ("system", "false"): "an agent",
    ("drifted", "true"): "warned about",
    ("drifted", "false"): "not warned about",
}


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter and the way to be rid of it."""

    name: str
    value: str
    without: str


def chips(form: EventFilterForm) -> list[Chip]:
    """One for each filter, and for each type."""
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
        value += ", also as a text" if text_alike(value) else ""
        found.append(Chip(f"payload {path}", value, page_address(view | rest)))
    return found


def _moment(name: str, value: str) -> str:
    """A time without an offset of its own is UTC, and says so."""
    if name.endswith(("_from", "_to")) and "T" in value and len(value) <= 23 and value[-1] != "Z":
        return f"{value.replace('T', ' ')} UTC"
    return value
