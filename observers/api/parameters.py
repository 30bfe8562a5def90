"""Query parameters, each checked by a serializer before the ledger is read. Unknown, repeated or
malformed parameters are refused by name."""

from __future__ import annotations

import itertools
import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http import QueryDict
from drf_spectacular.drainage import set_override
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events.api.problems import INVALID_PARAMETER, Refused
from events.errors import TimestampError
from events.format.timestamps import parse_timestamp
from events.store.ledger import EventFilter
from observers.payload_field import (
    MAX_FIELD,
    MAX_VALUE,
    PayloadFieldError,
    parse_field,
    parse_value,
    text_alike,
)

MAX_SEQUENCE = 2**63 - 1
MAX_LIMIT = 1000
DEFAULT_LIMIT = 100
MAX_VERIFIED = 10_000


class NumberField(serializers.Field[int, str, int, Any]):
    """A whole number in digits, inside its bounds."""

    def __init__(self, least: int = 0, most: int = MAX_SEQUENCE, **kwargs: Any) -> None:
        self.least, self.most = least, most
        super().__init__(**kwargs)
        bounds = {"type": "integer", "format": "int64", "minimum": least, "maximum": most}
        set_override(self, "field", bounds)

    def to_internal_value(self, data: str) -> int:
        if not re.fullmatch("[0-9]{1,19}", data) or not self.least <= int(data) <= self.most:
            raise serializers.ValidationError(
                f"must be a whole number from {self.least} to {self.most}"
            )
        return int(data)


@extend_schema_field(OpenApiTypes.DATETIME)
class TimestampField(serializers.Field[datetime, str, str, Any]):
    """An RFC 3339 time with offset."""

    def to_internal_value(self, data: str) -> datetime:
        try:
            return parse_timestamp(data)
        except TimestampError as error:
            hint = "; a + is written %2B in an address" if re.search(r" \d\d:?\d\d$", data) else ""
            raise serializers.ValidationError(f"{error}{hint}") from None


@extend_schema_field({"type": "boolean"})
class TruthField(serializers.Field[bool, str, bool, Any]):
    """`true` or `false`, exactly."""

    def to_internal_value(self, data: str) -> bool:
        if data not in ("true", "false"):
            raise serializers.ValidationError("must be true or false")
        return data == "true"


@extend_schema_field({"type": "string", "maxLength": MAX_FIELD})
class PayloadFieldField(serializers.Field[list[str], str, str, Any]):
    """The dotted path to a field of the payload."""

    def to_internal_value(self, data: str) -> list[str]:
        try:
            return parse_field(_short(data, MAX_FIELD))
        except PayloadFieldError as error:
            raise serializers.ValidationError(str(error)) from None


@extend_schema_field({"type": "string", "maxLength": MAX_VALUE})
class PayloadValueField(serializers.Field[str, str, str, Any]):
    """A JSON text, or a text that is not JSON and stands for itself."""

    def to_internal_value(self, data: str) -> str:
        try:
            return parse_value(_short(data, MAX_VALUE))
        except PayloadFieldError as error:
            raise serializers.ValidationError(str(error)) from None


def _short(text: str, most: int) -> str:
    """Returns a field for a text that a payload could hold, with a maximum length."""
    if not text:
        raise serializers.ValidationError('must not be empty; the empty text is written ""')
    if len(text) > most or "\0" in text:
        raise serializers.ValidationError(f"must be at most {most} characters, none of them null")
    return text


@extend_schema_field({"type": "number", "minimum": 0})
class SecondsField(serializers.Field[Decimal, str, str, Any]):
    """Seconds, with a fraction down to the microsecond."""

    def to_internal_value(self, data: str) -> Decimal:
        if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,6})?", data):
            raise serializers.ValidationError("must be a number of seconds such as 5 or 0.25")
        return Decimal(data)


def _name(**kwargs: Any) -> serializers.CharField:
    return serializers.CharField(max_length=200, trim_whitespace=False, **kwargs)


def _limit() -> NumberField:
    return NumberField(
        1, MAX_LIMIT, default=DEFAULT_LIMIT, help_text=f"Entries a page, at most {MAX_LIMIT}."
    )


class Parameters(serializers.Serializer[Any]):
    """Base class: parses a query string, and writes it again."""

    @classmethod
    def read(cls, query: QueryDict) -> dict[str, Any]:
        """Returns the checked values by name; parameters not given are None.

        Raises:
            Refused: every wrong parameter by its name.
        """
        fields = cls().get_fields()
        wrong: dict[str, Any] = {
            name: "is unknown here; there are " + ", ".join(fields)
            for name in query
            if name not in fields
        }
        lists = [n for n, field in fields.items() if isinstance(field, serializers.ListField)]
        wrong |= {
            name: "stands more than once"
            for name in query
            if name in fields and name not in lists and len(query.getlist(name)) > 1
        }
        chosen = cls(data={n: query.getlist(n) if n in lists else query[n] for n in query})
        if not chosen.is_valid():
            wrong = {n: _first(detail) for n, detail in chosen.errors.items()} | wrong
        if wrong:
            raise _refused(wrong)
        return {name: chosen.validated_data.get(name) for name in fields}

    @classmethod
    def check_order(cls, values: dict[str, Any], low: str, high: str) -> None:
        """Requires that `high` is not below `low`."""
        if low in values and high in values and values[high] < values[low]:
            raise serializers.ValidationError({high: f"must not be below {low}"})


class SpanParameters(Parameters):
    """A span of the sequence, both ends included."""

    start = NumberField(1, required=False, help_text="First sequence; 1 if not given.")
    end = NumberField(1, required=False, help_text="Last sequence; the head if not given.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        self.check_order(attrs, "start", "end")
        return attrs


class FilterParameters(SpanParameters):
    """A span of the sequence and the filters on it."""

    event_type = serializers.ListField(
        child=_name(), required=False, max_length=100, help_text="Repeatable: any of these types."
    )
    agent_id = _name(required=False, help_text="Only this agent's events.")
    system = TruthField(required=False, help_text="Only, or none of, the system's own events.")
    local_from = TimestampField(required=False, help_text="Writer's clock, this or later.")
    local_to = TimestampField(required=False, help_text="Writer's clock, before this.")
    authority_from = TimestampField(required=False, help_text="Database's clock, this or later.")
    authority_to = TimestampField(required=False, help_text="Database's clock, before this.")
    drifted = TruthField(required=False, help_text="Only with, or only without, a drift warning.")
    payload_field = PayloadFieldField(
        required=False, help_text="Path to a field of the payload, such as user.id."
    )
    payload_value = PayloadValueField(
        required=False, help_text="What that field equals: JSON, or else a text."
    )
    payload_alike = TruthField(
        required=False, help_text="Where the value is a number or a word, the same text counts too."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for clock in ("local", "authority"):
            self.check_order(attrs, f"{clock}_from", f"{clock}_to")
        if "agent_id" in attrs and attrs.get("system"):
            raise serializers.ValidationError({"system": "cannot be true beside agent_id"})
        for name, other in itertools.permutations(("payload_field", "payload_value")):
            if name in attrs and other not in attrs:
                raise serializers.ValidationError({other: f"must stand beside {name}"})
        if "payload_alike" in attrs:
            if "payload_value" not in attrs:
                raise serializers.ValidationError(
                    {"payload_value": "must stand beside payload_alike"}
                )
            alike = text_alike(self.initial_data["payload_value"])
            attrs["payload_alike"] = alike if attrs["payload_alike"] else None
        return super().validate(attrs)

    @staticmethod
    def as_filter(asked: dict[str, Any]) -> EventFilter:
        """Converts the checked values to a filter."""
        same = ("start", "end", "agent_id", "system", "drifted")
        times = ("local_from", "local_to", "authority_from", "authority_to")
        return EventFilter(
            event_types=asked["event_type"],
            payload_path=asked["payload_field"],
            payload_value=asked["payload_value"],
            payload_text=asked["payload_alike"],
            **{name: asked[name] for name in (*same, *times)},
        )


class RangeParameters(FilterParameters):
    """A page of a range of events."""

    after = NumberField(0, required=False, help_text="Only events after this sequence.")
    limit = _limit()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "start" in attrs and "after" in attrs:
            raise serializers.ValidationError({"after": "cannot stand beside start"})
        return super().validate(attrs)


class DriftParameters(Parameters):
    """Filters of the list of drift warnings."""

    after = NumberField(0, required=False, help_text="Only warnings after this id.")
    limit = _limit()
    agent_id = _name(required=False, help_text="Only this agent's warnings.")
    min_seconds = SecondsField(required=False, help_text="Only a drift of so much or more.")
    authority_from = TimestampField(required=False, help_text="Database's clock, this or later.")
    authority_to = TimestampField(required=False, help_text="Database's clock, before this.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        self.check_order(attrs, "authority_from", "authority_to")
        return attrs


class ExportParameters(FilterParameters):
    """The span and filters of an export, and its format."""

    format = serializers.ChoiceField(["jsonl", "csv"], default="jsonl")
    dialect = serializers.ChoiceField(
        ["machine", "spreadsheet"],
        default="machine",
        help_text="Of csv: values unaltered, or safe and short enough for a spreadsheet.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["dialect"] == "spreadsheet" and attrs["format"] != "csv":
            raise serializers.ValidationError({"dialect": "spreadsheet goes with format=csv"})
        return super().validate(attrs)


class VerificationParameters(SpanParameters):
    """The span to verify in one call."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if "end" in attrs and attrs["end"] - attrs.get("start", 1) >= MAX_VERIFIED:
            raise serializers.ValidationError(
                {"end": f"must leave at most {MAX_VERIFIED:,} sequences to verify in one call"}
            )
        return attrs


class NoParameters(Parameters):
    """No parameters are accepted."""


def _first(detail: Any) -> str:
    """Returns the first message of a serializer error."""
    while isinstance(detail, dict | list):
        detail = next(iter(detail.values() if isinstance(detail, dict) else detail))
    return str(detail)


def _refused(wrong: dict[str, str]) -> Refused:
    errors = [{"parameter": name, "detail": detail} for name, detail in wrong.items()]
    first = errors[0]
    return Refused(INVALID_PARAMETER, f"{first['parameter']} {first['detail']}", errors=errors)
