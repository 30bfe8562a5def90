"""What a page's address may ask for. It must never let a value through that the store refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import ErrorList

from events.errors import TimestampError
from events.store.ledger import EventFilter
from events.timestamps import parse_timestamp
from observers.pages.timeline import Cursor

MAX_SEQUENCE = 2**63 - 1
PAGE_SIZES = (50, 100, 250, 500)


class MomentInput(forms.DateTimeInput):
    """The browser's own picker, to the millisecond."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__({"step": "1"})

    def format_value(self, value: Any) -> str | None:
        if isinstance(value, str):
            try:
                value = parse_timestamp(value, zone=UTC)
            except TimestampError:
                return str(value)
        if not isinstance(value, datetime):
            return None
        precision = "milliseconds" if value.microsecond else "seconds"
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision)


class MomentField(forms.Field):
    """A time in UTC, or with an offset of its own."""

    widget = MomentInput

    def clean(self, value: Any) -> datetime | None:
        if not value:
            return None
        text = str(value)
        # The picker leaves the seconds out when they are zero.
        if len(text) == 16:
            text += ":00"
        try:
            return parse_timestamp(text, zone=UTC)
        except TimestampError as error:
            raise ValidationError(f"Not a time: {error}") from None


class SequenceField(forms.IntegerField):
    """A sequence number; 0 is before the first."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=MAX_SEQUENCE, required=False, **options)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"min": 0, "inputmode": "numeric"}


class _Form(forms.Form):
    """A form whose address is its state; wrong fields say so to assistive technology too."""

    use_required_attribute = False

    def __init__(self, data: Any) -> None:
        super().__init__(data, auto_id="id_%s", error_class=ErrorList)

    @property
    def chosen(self) -> dict[str, str]:
        """The fields that the address fills, for the links to other pages of the same listing."""
        return {
            name: value for name in self.fields if (value := str(self.data.get(name, "")).strip())
        }


class EventFilterForm(_Form):
    """Which events, from where, in which order."""

    start = SequenceField(label="From sequence")
    end = SequenceField(label="To sequence")
    event_type = forms.CharField(label="Type", max_length=200, required=False)
    agent_id = forms.CharField(label="Agent", max_length=200, required=False)
    drifted = forms.ChoiceField(
        label="Clock drift",
        choices=[("", "any"), ("true", "warned about"), ("false", "not warned about")],
        required=False,
    )
    authority_from = MomentField(label="Authority time from", required=False)
    authority_to = MomentField(label="until before", required=False)
    local_from = MomentField(label="Local time from", required=False)
    local_to = MomentField(label="until before", required=False)
    order = forms.ChoiceField(
        label="Order", choices=[("", "newest first"), ("oldest", "oldest first")], required=False
    )
    limit = forms.TypedChoiceField(
        label="A page",
        choices=[("", "50 events"), *((str(size), f"{size} events") for size in PAGE_SIZES[1:])],
        coerce=int,
        empty_value=None,
        required=False,
    )
    after = SequenceField(widget=forms.HiddenInput)
    before = SequenceField(widget=forms.HiddenInput)

    def event_filter(self) -> EventFilter:
        """What to narrow the ledger to."""
        chosen = self.cleaned_data
        return EventFilter(
            start=chosen["start"],
            end=chosen["end"],
            event_types=[chosen["event_type"]] if chosen["event_type"] else None,
            agent_id=chosen["agent_id"] or None,
            local_from=chosen["local_from"],
            local_to=chosen["local_to"],
            authority_from=chosen["authority_from"],
            authority_to=chosen["authority_to"],
            drifted={"true": True, "false": False}.get(chosen["drifted"]),
        )

    def cursor(self) -> Cursor:
        """Where the page begins."""
        chosen = self.cleaned_data
        return Cursor(
            newest_first=chosen["order"] != "oldest",
            limit=chosen["limit"] or PAGE_SIZES[0],
            after=chosen["after"],
            before=chosen["before"],
        )

    @property
    def filters_time(self) -> bool:
        """Whether a time is chosen, so that its fields are shown open."""
        return any(name.startswith(("authority_", "local_")) for name in self.chosen)

    @property
    def narrows(self) -> bool:
        """Whether anything but order and place is chosen."""
        return bool(self.chosen.keys() - {"order", "limit", "after", "before"})


class DriftFilterForm(_Form):
    """Which warnings, from where."""

    agent_id = forms.CharField(label="Agent", max_length=200, required=False)
    min_seconds = forms.DecimalField(
        label="At least (seconds)", min_value=Decimal(0), max_digits=15, required=False
    )
    after = SequenceField(widget=forms.HiddenInput)
    before = SequenceField(widget=forms.HiddenInput)

    @property
    def narrows(self) -> bool:
        """Whether anything but the place is chosen."""
        return bool(self.chosen.keys() - {"after", "before"})


class GapPageForm(_Form):
    """From where in the sequence."""

    after = SequenceField(widget=forms.HiddenInput)
