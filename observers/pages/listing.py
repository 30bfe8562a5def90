"""What a page's address may ask for. It must never let a value through that the store refuses.

Addresses of other pages of a listing. They must never carry a place in it as an offset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import ErrorList

from events.errors import TimestampError
from events.format.timestamps import parse_timestamp


def page_address(chosen: Mapping[str, str | Sequence[str]], **place: object) -> str:
    """The query of the same listing at another place; a place of None is left out."""
    kept = {name: value for name, value in chosen.items() if name not in ("after", "before")}
    kept |= {name: str(value) for name, value in place.items() if value is not None}
    return "?" + urlencode(kept, doseq=True)


MAX_SEQUENCE = 2**63 - 1
DIALECTS = [("", "machine"), ("machine", "machine"), ("spreadsheet", "spreadsheet")]
"""Of a CSV file: values unaltered, or safe and short enough for a spreadsheet."""


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
        try:
            return read_moment(str(value))
        except TimestampError as error:
            raise ValidationError(f"Not a time: {error}") from None


def read_moment(text: str) -> datetime:
    """A time as people write it: a day alone, or without seconds, or in full; UTC unless it says.

    Raises:
        TimestampError: it is none of these.
    """
    if len(text) == 10:
        text += "T00:00"
    # The picker leaves the seconds out when they are zero.
    if len(text) == 16:
        text += ":00"
    return parse_timestamp(text, zone=UTC)


class NumberField(forms.IntegerField):
    """A whole number in the digits 0 to 9, as the API takes it; `int` reads all scripts."""

    def to_python(self, value: Any) -> int | None:
        """The number.

        Raises:
            ValidationError: it is none.
        """
        if isinstance(value, str) and not value.isascii():
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class SequenceField(NumberField):
    """A sequence number; 0 is before the first, and only a place.

    A text field: the browser's field for numbers hides what is no number, and with it the mistake.
    """

    widget = forms.TextInput

    def __init__(self, least: int = 0, **options: Any) -> None:
        super().__init__(min_value=least, max_value=MAX_SEQUENCE, required=False, **options)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"inputmode": "numeric"}


class AddressForm(forms.Form):
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


class DriftFilterForm(AddressForm):
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


class GapPageForm(AddressForm):
    """From where in the sequence."""

    after = SequenceField(widget=forms.HiddenInput)
