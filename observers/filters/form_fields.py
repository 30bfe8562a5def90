"""Form fields for the parameters of pages: sequence numbers, times, types, fields of the payload.

Invariant: a valid form holds no value that the store rejects.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.template import loader
from django.utils.safestring import SafeString

from events.errors import TimestampError
from events.format.event import MAX_SEQUENCE
from events.format.names import MAX_NAME
from events.format.timestamps import parse_timestamp
from events.ingest.paths import FieldPathError, split_path
from observers.filters import (
    MAX_FIELD,
    MAX_TYPES,
    MAX_VALUE,
)
from observers.filters.payload import PayloadValue, PayloadValueError, parse_value


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


class TypesInput(forms.Widget):
    """One text field per chosen type, and an empty one."""

    template_name = "events/types_input.html"

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
    """A list of event types, without duplicates; None when empty."""

    widget = TypesInput

    def clean(self, value: Any) -> list[str] | None:
        if len(value) > MAX_TYPES:
            raise ValidationError(f"Choose at most {MAX_TYPES} types.")
        if any(len(each) > MAX_NAME for each in value):
            raise ValidationError(f"A type has at most {MAX_NAME} characters.")
        for each in value:
            ProhibitNullCharactersValidator()(each)
        return list(dict.fromkeys(value)) or None


class PayloadPathField(forms.CharField):
    """The dotted path to a field of the payload."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput({"placeholder": "user.id", "spellcheck": "false"})
        super().__init__(max_length=MAX_FIELD, required=False, widget=widget, **options)

    def clean(self, value: Any) -> list[str] | None:
        text = super().clean(value)
        try:
            return split_path(text) if text else None
        except FieldPathError as error:
            raise ValidationError(f"Not a path: {error}.") from None


class PayloadValueField(forms.CharField):
    """A JSON text, or a text that is not JSON and stands for itself."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput({"placeholder": '42, true or "text"', "spellcheck": "false"})
        super().__init__(max_length=MAX_VALUE, required=False, widget=widget, **options)

    def clean(self, value: Any) -> PayloadValue | None:
        text = super().clean(value)
        try:
            return parse_value(text) if text else None
        except PayloadValueError as error:
            raise ValidationError(str(error)) from None
