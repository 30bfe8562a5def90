"""Validates the query of the events page: filters, place in the list, and display options.

Invariant: an unknown parameter is an error. Ignoring a misspelt filter would show every event.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from events.errors import TimestampError
from events.format.event import MAX_SEQUENCE
from events.store.ledger import EventFilter
from observers.filters.definitions import EVENTS, event_filter
from observers.filters.form_fields import SequenceField, read_moment
from observers.pages.events.timeline import Cursor
from observers.pages.listing import FilterForm

PAGE_SIZES = (50, 100, 250, 500)

COLUMNS = {
    "type": "Type",
    "agent": "Agent",
    "authority": "Authority time (UTC)",
    "local": "Local time (UTC)",
    "drift": "Clock drift",
    "hash": "Content hash",
    "payload": "Payload",
    "id": "Event id",
    "witness": "Witness",
}
USUAL_COLUMNS = ("type", "agent", "authority", "drift", "hash")
"""The default columns."""

ORDERS = {"newest": "newest first", "oldest": "oldest first"}
DENSITIES = {"comfortable": "comfortable", "compact": "compact"}

SENT = "form"
"""The hidden field that tells a submitted form from a followed link."""

VIEW = {
    "order": ORDERS,
    "limit": {str(size): f"{size} events" for size in PAGE_SIZES},
    "density": DENSITIES,
    "columns": COLUMNS,
}
"""Display options, which are kept in the session: names and their choices."""


class JumpField(forms.CharField):
    """A sequence number or a time."""

    def clean(self, value: Any) -> int | datetime | None:
        text = super().clean(value)
        if not text:
            return None
        if text.isascii() and text.isdigit() and len(text) < 20:
            if not 1 <= int(text) <= MAX_SEQUENCE:
                raise ValidationError("Sequence numbers begin at 1.")
            return int(text)
        try:
            return read_moment(text)
        except TimestampError:
            raise ValidationError(
                "Neither a sequence number nor a time such as 2026-01-31 12:00."
            ) from None


def _choice(name: str, label: str) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=list(VIEW[name].items()), required=False)


class EventFilterForm(FilterForm):
    """The events page's query: filters, place, order and columns."""

    defined = EVENTS

    jump = JumpField(
        label="Go to sequence or time",
        max_length=40,
        required=False,
        widget=forms.TextInput(
            {
                "placeholder": "4711 or 2026-01-31 12:00",
                "autocomplete": "off",
                "data-key": "t",
                "data-key-label": "Go to a sequence or a time",
            }
        ),
    )
    form = forms.ChoiceField(
        choices=[("", "not sent"), ("sent", "sent")], required=False, widget=forms.HiddenInput
    )
    order = _choice("order", "Order")
    limit = _choice("limit", "Per page")
    density = _choice("density", "Density")
    columns = forms.MultipleChoiceField(
        label="Columns",
        choices=list(COLUMNS.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    after = SequenceField(widget=forms.HiddenInput)
    before = SequenceField(widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        self._refuse_what_is_not_understood()
        given = {name: self.cleaned_data.get(name) for name in self.filters}
        for conflict in EVENTS.conflicts(given):
            self.add_error(conflict.name, conflict.on_page)
        return self.cleaned_data

    def _refuse_what_is_not_understood(self) -> None:
        """Adds an error for each unknown parameter and each repeated single-valued one."""
        repeatable = ["columns", *(each.name for each in EVENTS if each.repeatable)]
        for name in self.query:
            if name not in self.fields:
                self.add_error(None, f"There is no filter {name!r}.")
            elif name not in repeatable and len(self.query.getlist(name)) > 1:
                self.add_error(name, "This appears more than once in the address.")

    def event_filter(self) -> EventFilter:
        """The filter for the store, which takes a number's or word's text for it too."""
        return event_filter(self.values | {"payload_alike": True})

    def cursor(self) -> Cursor:
        """The place where the page begins."""
        chosen = self.cleaned_data
        return Cursor(
            newest_first=chosen["order"] != "oldest",
            limit=int(chosen["limit"] or PAGE_SIZES[0]),
            after=chosen["after"],
            before=chosen["before"],
        )

    @property
    def shown_columns(self) -> list[tuple[str, str]]:
        """Names and headings, in the order of the table."""
        wanted = self.cleaned_data["columns"] or USUAL_COLUMNS
        return [(name, heading) for name, heading in COLUMNS.items() if name in wanted]

    @property
    def column_boxes(self) -> list[tuple[str, str, bool]]:
        """Each column's name and heading, and whether its box is ticked."""
        wanted = self.query.getlist("columns") or USUAL_COLUMNS
        return [(name, heading, name in wanted) for name, heading in COLUMNS.items()]

    @property
    def view(self) -> dict[str, list[str]]:
        """All display options, so that a link means the same whatever a session holds."""
        return {"order": [next(iter(ORDERS))]} | {
            name: values
            for name in VIEW
            if (values := [value for value in self.query.getlist(name) if value])
            and not (name == "columns" and set(values) == set(USUAL_COLUMNS))
        }

    @property
    def opens_more(self) -> bool:
        """True when a field in a collapsed section has a value or an error."""
        return any(
            each.section != "main" and (each.name in self.filters or each.name in self.errors)
            for each in EVENTS
        )

    @property
    def opens_view(self) -> bool:
        return any(name in self.errors for name in VIEW)
