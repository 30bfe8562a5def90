"""Validates the query of the events page: filters, place in the list, and display options.

Invariant: an unknown parameter is an error. Ignoring a misspelt filter would show every event.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.http import QueryDict
from django.template import loader
from django.utils.safestring import SafeString

from events.errors import TimestampError
from events.store.ledger import EventFilter
from observers.pages.events.timeline import Cursor
from observers.pages.listing import (
    MAX_SEQUENCE,
    AddressForm,
    MomentField,
    SequenceField,
    read_moment,
)
from observers.payload_field import (
    MAX_FIELD,
    MAX_VALUE,
    PayloadFieldError,
    parse_field,
    parse_value,
    text_alike,
)

PAGE_SIZES = (50, 100, 250, 500)
MAX_TYPES = 100

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

PLACE = ("after", "before", "jump")
SENT = "form"
"""The hidden field that tells a submitted form from a followed link."""

VIEW = {
    "order": ORDERS,
    "limit": {str(size): f"{size} events" for size in PAGE_SIZES},
    "density": DENSITIES,
    "columns": COLUMNS,
}
"""Display options, which are kept in the session: names and their choices."""


class TypesInput(forms.Widget):
    """One text field per chosen type, and an empty one."""

    template_name = "partials/events_types.html"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        return [text for each in data.getlist(name) if (text := str(each).strip())]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, None, attrs)
        context["widget"]["values"] = list(value or ())
        return context

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Renders from the portal's templates, which Django's form renderer does not search."""
        return loader.render_to_string(self.template_name, self.get_context(name, value, attrs))

    def id_for_label(self, id_: str) -> str:
        return id_


class TypesField(forms.Field):
    """A list of event types, without duplicates."""

    widget = TypesInput

    def clean(self, value: Any) -> list[str]:
        if len(value) > MAX_TYPES:
            raise ValidationError(f"Choose at most {MAX_TYPES} types.")
        if any(len(each) > 200 for each in value):
            raise ValidationError("A type has at most 200 characters.")
        for each in value:
            ProhibitNullCharactersValidator()(each)
        return list(dict.fromkeys(value))


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


class EventFilterForm(AddressForm):
    """The events page's query: filters, place, order and columns."""

    event_type = TypesField(label="Type", required=False)
    agent_id = forms.CharField(label="Agent", max_length=200, required=False)
    system = forms.ChoiceField(
        label="Source",
        choices=[("", "all"), ("true", "the system"), ("false", "an agent")],
        required=False,
    )
    drifted = forms.ChoiceField(
        label="Clock drift",
        choices=[("", "any"), ("true", "with drift warning"), ("false", "without")],
        required=False,
    )
    start = SequenceField(1, label="From sequence")
    end = SequenceField(1, label="To sequence")
    payload_field = forms.CharField(
        label="Payload field",
        max_length=MAX_FIELD,
        required=False,
        widget=forms.TextInput({"placeholder": "user.id", "spellcheck": "false"}),
    )
    payload_value = forms.CharField(
        label="equals",
        max_length=MAX_VALUE,
        required=False,
        widget=forms.TextInput({"placeholder": '42, true or "text"', "spellcheck": "false"}),
    )
    authority_from = MomentField(label="Authority time from (UTC)", required=False)
    authority_to = MomentField(label="to (excluded, UTC)", required=False)
    local_from = MomentField(label="Local time from (UTC)", required=False)
    local_to = MomentField(label="to (excluded, UTC)", required=False)
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

    def __init__(self, address: QueryDict) -> None:
        self.address = address
        super().__init__(address)

    def clean_payload_field(self) -> list[str] | None:
        text = self.cleaned_data["payload_field"]
        try:
            return parse_field(text) if text else None
        except PayloadFieldError as error:
            raise ValidationError(f"Not a path: {error}.") from None

    def clean_payload_value(self) -> str | None:
        text = self.cleaned_data["payload_value"]
        try:
            return parse_value(text) if text else None
        except PayloadFieldError as error:
            raise ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        chosen = self.cleaned_data
        self._refuse_what_is_not_understood()
        for low, high, what in (
            ("start", "end", "first sequence"),
            ("authority_from", "authority_to", "time it starts from"),
            ("local_from", "local_to", "time it starts from"),
        ):
            if chosen.get(low) and chosen.get(high) and chosen[high] < chosen[low]:
                self.add_error(high, f"This is below the {what}.")
        if chosen.get("agent_id") and chosen.get("system") == "true":
            self.add_error("system", "The system's events have no agent.")
        if chosen.get("payload_field") and not self.chosen.get("payload_value"):
            self.add_error("payload_value", 'Give a value; the empty text is written "".')
        if chosen.get("payload_value") and not self.chosen.get("payload_field"):
            self.add_error("payload_field", "Name the field that has this value.")
        return chosen

    def _refuse_what_is_not_understood(self) -> None:
        """Adds an error for each unknown parameter and each repeated single-valued one."""
        for name in self.data:
            if name not in self.fields:
                self.add_error(None, f"There is no filter {name!r}.")
            elif name not in ("event_type", "columns") and len(self.address.getlist(name)) > 1:
                self.add_error(name, "This appears more than once in the address.")

    def event_filter(self) -> EventFilter:
        """The filter for the store."""
        chosen = self.cleaned_data
        truth = {"true": True, "false": False}
        same = ("start", "end", "local_from", "local_to", "authority_from", "authority_to")
        return EventFilter(
            event_types=chosen["event_type"] or None,
            agent_id=chosen["agent_id"] or None,
            system=truth.get(chosen["system"]),
            drifted=truth.get(chosen["drifted"]),
            payload_path=chosen["payload_field"],
            payload_value=chosen["payload_value"],
            payload_text=text_alike(self.chosen.get("payload_value", "")),
            **{name: chosen[name] for name in same},
        )

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
        wanted = self.address.getlist("columns") or USUAL_COLUMNS
        return [(name, heading, name in wanted) for name, heading in COLUMNS.items()]

    @property
    def filters(self) -> dict[str, list[str]]:
        """The filters as they stand in the address."""
        return {
            name: values
            for name in self.fields
            if name not in (*PLACE, SENT)
            and name not in VIEW
            and (values := [text for each in self.address.getlist(name) if (text := each.strip())])
        }

    @property
    def view(self) -> dict[str, list[str]]:
        """All display options, so that a link means the same whatever a session holds."""
        return {"order": [next(iter(ORDERS))]} | {
            name: values
            for name in VIEW
            if (values := [value for value in self.address.getlist(name) if value])
            and not (name == "columns" and set(values) == set(USUAL_COLUMNS))
        }

    @property
    def narrows(self) -> bool:
        """True when a filter is set; order, place and display options do not count."""
        return bool(self.filters)

    def opens(self, *names: str) -> bool:
        """True when a field in a collapsed section has a value or an error."""
        return any(name in self.filters or name in self.errors for name in names)

    @property
    def opens_more(self) -> bool:
        return self.opens(
            "start", "end", "payload_field", "payload_value",
            "authority_from", "authority_to", "local_from", "local_to",
        )  # fmt: skip

    @property
    def opens_view(self) -> bool:
        return any(name in self.errors for name in VIEW)
