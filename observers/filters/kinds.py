"""The kinds of filters: how each is asked for on a page and in the API, checked, and shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from rest_framework import serializers

from events.format.names import MAX_NAME
from events.format.timestamps import format_timestamp
from observers.filters import MAX_TYPES, api_fields, form_fields

ApiField = serializers.Field[Any, Any, Any, Any]


@dataclass(frozen=True)
class Filter(ABC):
    """A filter, for the parameter `name` of pages and API.

    `label` stands at its field of the form, `section` is the part of the form that holds it, and
    `chip` names it where it is in force; without a label, pages lack it. `description` is its
    OpenAPI description. `stored_as` is the field of the store's filter, if that has another name.
    Its value must not be below that of the filter `not_below`.
    """

    name: str
    _: KW_ONLY
    label: str = ""
    section: str = "main"
    chip: str = ""
    description: str = ""
    stored_as: str = ""
    not_below: str = ""

    lower: ClassVar[str] = ""
    """The lower side of a range of this kind, in words."""

    repeatable: ClassVar[bool] = False

    @abstractmethod
    def form_field(self) -> forms.Field:
        """The field of a page's form; its value is None if it is empty."""

    @abstractmethod
    def api_field(self) -> ApiField:
        """The field of the API's parameters."""

    def shown(self, text: str) -> str:
        """A text of the address, as a chip shows it."""
        return text

    def written(self, value: Any, text: str) -> str:
        """The parameter of the API for a value that a page's address holds as `text`."""
        return text

    @property
    def _of_api(self) -> dict[str, Any]:
        return {"required": False, "help_text": self.description}


@dataclass(frozen=True)
class Name(Filter):
    """A name, compared as a whole."""

    most: int = MAX_NAME

    def form_field(self) -> forms.Field:
        return forms.CharField(
            label=self.label, max_length=self.most, required=False, empty_value=None
        )

    def api_field(self) -> ApiField:
        return serializers.CharField(max_length=self.most, trim_whitespace=False, **self._of_api)


class Names(Filter):
    """Any of several names."""

    repeatable = True

    def form_field(self) -> forms.Field:
        return form_fields.TypesField(label=self.label, required=False)

    def api_field(self) -> ApiField:
        name = serializers.CharField(max_length=MAX_NAME, trim_whitespace=False)
        return serializers.ListField(child=name, max_length=MAX_TYPES, **self._of_api)


@dataclass(frozen=True)
class Choice(Filter):
    """One of several values, each with its words; `either` stands for no choice."""

    either: str = "any"
    choices: tuple[tuple[str, str], ...] = ()

    def form_field(self) -> forms.Field:
        return forms.TypedChoiceField(
            label=self.label,
            choices=[("", self.either), *self.choices],
            required=False,
            coerce=self.value,
            empty_value=None,
        )

    def api_field(self) -> ApiField:
        return serializers.ChoiceField([value for value, _ in self.choices], **self._of_api)

    def value(self, text: str) -> Any:
        """The value that a text of `choices` stands for."""
        return text

    def shown(self, text: str) -> str:
        return dict(self.choices).get(text, text)


class Truth(Choice):
    """`true` or `false`."""

    def api_field(self) -> ApiField:
        return api_fields.TruthField(**self._of_api)

    def value(self, text: str) -> bool:
        return text == "true"


class SequenceNumber(Filter):
    """A sequence number, from 1."""

    lower = "first sequence"

    def form_field(self) -> forms.Field:
        return form_fields.SequenceField(1, label=self.label)

    def api_field(self) -> ApiField:
        return api_fields.NumberField(1, **self._of_api)

    def written(self, value: Any, text: str) -> str:
        return str(value)


class Moment(Filter):
    """A time: RFC 3339 with offset in the API; pages take it as UTC unless it has one."""

    lower = "time it starts from"

    def form_field(self) -> forms.Field:
        return form_fields.MomentField(label=self.label, required=False)

    def api_field(self) -> ApiField:
        return api_fields.TimestampField(**self._of_api)

    def shown(self, text: str) -> str:
        """Adds "UTC" to a time that has no offset."""
        bare = "T" in text and len(text) <= 23 and not text.endswith("Z")
        return f"{text.replace('T', ' ')} UTC" if bare else text

    def written(self, value: Any, text: str) -> str:
        return format_timestamp(value)


class Seconds(Filter):
    """A number of seconds, 0 or more."""

    def form_field(self) -> forms.Field:
        return forms.DecimalField(
            label=self.label, min_value=Decimal(0), max_digits=15, required=False
        )

    def api_field(self) -> ApiField:
        return api_fields.SecondsField(**self._of_api)


class PayloadPath(Filter):
    """The dotted path to a field of the payload."""

    def form_field(self) -> forms.Field:
        return form_fields.PayloadPathField(label=self.label)

    def api_field(self) -> ApiField:
        return api_fields.PayloadPathField(**self._of_api)


class PayloadEquals(Filter):
    """The value of that field: JSON, or else a text."""

    def form_field(self) -> forms.Field:
        return form_fields.PayloadValueField(label=self.label)

    def api_field(self) -> ApiField:
        return api_fields.PayloadValueField(**self._of_api)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Filters that cannot be set together: the wrong one, and the words of page and API for it."""

    name: str
    on_page: str
    in_api: str


def _no_rule(given: Mapping[str, Any]) -> Iterator[Conflict]:
    return iter(())


@dataclass(frozen=True)
class Filters:
    """The filters of a list, in the order of its page, and what they rule out among themselves."""

    defined: tuple[Filter, ...]
    rule: Callable[[Mapping[str, Any]], Iterator[Conflict]] = _no_rule

    def __iter__(self) -> Iterator[Filter]:
        return iter(self.defined)

    def conflicts(self, given: Mapping[str, Any]) -> Iterator[Conflict]:
        """Conflicts among the given values; None stands for a malformed one."""
        for each in self:
            low, high = given.get(each.not_below), given.get(each.name)
            if low is not None and high is not None and high < low:
                yield Conflict(
                    each.name,
                    f"This is below the {each.lower}.",
                    f"must not be below {each.not_below}",
                )
        yield from self.rule(given)
