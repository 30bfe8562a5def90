"""Form fields and addresses shared by the pages that list something.

Fields validate query parameters: sequence numbers, times in UTC, CSV dialects. Places in a list
are keyset positions (`after`, `before`), not offsets.

Invariant: a valid form holds no value that the store rejects.
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
    """The query of the same list at another place; a place of None is left out."""
    kept = {name: value for name, value in chosen.items() if name not in ("after", "before")}
    kept |= {name: str(value) for name, value in place.items() if value is not None}
    return "?" + urlencode(kept, doseq=True)


MAX_SEQUENCE = 2**63 - 1
DIALECTS = [("", "machine"), ("machine", "machine"), ("spreadsheet", "spreadsheet")]
"""CSV dialects: unaltered values, or values safe and short enough for a spreadsheet."""


class MomentInput(forms.DateTimeInput):
    """The browser's date and time picker, to the millisecond."""

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
    """A time, taken as UTC unless it has an offset."""

    widget = MomentInput

    def clean(self, value: Any) -> datetime | None:
        if not value:
            return None
        try:
            return read_moment(str(value))
        except TimestampError as error:
            raise ValidationError(f"Not a time: {error}") from None


def read_moment(text: str) -> datetime:
    """Parses a date, a time without seconds, or a full timestamp; UTC unless it has an offset.

    Raises:
        TimestampError: the text is not a time.
    """
    if len(text) == 10:
        text += "T00:00"
    # The picker leaves the seconds out when they are zero.
    if len(text) == 16:
        text += ":00"
    return parse_timestamp(text, zone=UTC)


class NumberField(forms.IntegerField):
    """An integer in ASCII digits, as in the API; `int` would accept digits of all scripts."""

    def to_python(self, value: Any) -> int | None:
        """Parses the number.

        Raises:
            ValidationError: the value is not a number.
        """
        if isinstance(value, str) and not value.isascii():
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class SequenceField(NumberField):
    """A sequence number; 0 is valid only as a place before the first.

    Rendered as a text field: a number field would hide an invalid value from the reader.
    """

    widget = forms.TextInput

    def __init__(self, least: int = 0, **options: Any) -> None:
        super().__init__(min_value=least, max_value=MAX_SEQUENCE, required=False, **options)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"inputmode": "numeric"}


class AddressForm(forms.Form):
    """A form whose state is the address."""

    use_required_attribute = False

    def __init__(self, data: Any) -> None:
        super().__init__(data, auto_id="id_%s", error_class=ErrorList)

    @property
    def chosen(self) -> dict[str, str]:
        """The fields set in the address, for links to other pages of the same list."""
        return {
            name: value for name in self.fields if (value := str(self.data.get(name, "")).strip())
        }


class DriftFilterForm(AddressForm):
    """The filters and the place of a list of drift warnings."""

    agent_id = forms.CharField(label="Agent", max_length=200, required=False)
    min_seconds = forms.DecimalField(
        label="At least (seconds)", min_value=Decimal(0), max_digits=15, required=False
    )
    after = SequenceField(widget=forms.HiddenInput)
    before = SequenceField(widget=forms.HiddenInput)

    @property
    def narrows(self) -> bool:
        """True when a filter is set; the place does not count."""
        return bool(self.chosen.keys() - {"after", "before"})


class GapPageForm(AddressForm):
    """A place in the sequence."""

    after = SequenceField(widget=forms.HiddenInput)
