"""Query parameters, each checked by a serializer before the ledger is read. Unknown, repeated or
malformed parameters are refused by name."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import QueryDict
from rest_framework import serializers

from events.api.problems import INVALID_PARAMETER, Refused
from observers.filters.api_fields import NumberField
from observers.filters.definitions import DRIFT_WARNINGS, EVENTS, SPAN
from observers.filters.kinds import Filters

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100
MAX_VERIFIED = 10_000


def _limit() -> NumberField:
    return NumberField(
        1, MAX_LIMIT, default=DEFAULT_LIMIT, help_text=f"Entries per page, at most {MAX_LIMIT}."
    )


class Parameters(serializers.Serializer[Any]):
    """Base class: parses a query string of `filters` and of the fields that a subclass adds."""

    filters: ClassVar[Filters] = Filters(())

    def get_fields(self) -> dict[str, Any]:
        return {each.name: each.api_field() for each in self.filters} | super().get_fields()

    @classmethod
    def read(cls, query: QueryDict) -> dict[str, Any]:
        """Returns the checked values by name; parameters not given are None.

        Raises:
            Refused: every wrong parameter by its name.
        """
        fields = cls().get_fields()
        wrong: dict[str, Any] = {
            name: "is unknown here; known are " + ", ".join(fields)
            for name in query
            if name not in fields
        }
        lists = [n for n, field in fields.items() if isinstance(field, serializers.ListField)]
        wrong |= {
            name: "appears more than once"
            for name in query
            if name in fields and name not in lists and len(query.getlist(name)) > 1
        }
        chosen = cls(data={n: query.getlist(n) if n in lists else query[n] for n in query})
        if not chosen.is_valid():
            wrong = {n: _first(detail) for n, detail in chosen.errors.items()} | wrong
        if wrong:
            raise _refused(wrong)
        return {name: chosen.validated_data.get(name) for name in fields}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        wrong = {each.name: each.in_api for each in self.filters.conflicts(attrs)}
        if wrong:
            raise serializers.ValidationError(wrong)
        return attrs


class SpanParameters(Parameters):
    """A span of the sequence, both ends included."""

    filters = SPAN


class RangeParameters(Parameters):
    """A page of a range of events."""

    filters = EVENTS
    after = NumberField(0, required=False, help_text="Only events after this sequence.")
    limit = _limit()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "start" in attrs and "after" in attrs:
            raise serializers.ValidationError({"after": "cannot be combined with start"})
        return super().validate(attrs)


class DriftParameters(Parameters):
    """A page of the list of drift warnings."""

    filters = DRIFT_WARNINGS
    after = NumberField(0, required=False, help_text="Only warnings after this id.")
    limit = _limit()


class ExportParameters(Parameters):
    """The span and filters of an export, and its format."""

    filters = EVENTS
    format = serializers.ChoiceField(["jsonl", "csv"], default="jsonl")
    dialect = serializers.ChoiceField(
        ["machine", "spreadsheet"],
        default="machine",
        help_text="For csv: values unaltered, or safe and short enough for a spreadsheet.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["dialect"] == "spreadsheet" and attrs["format"] != "csv":
            raise serializers.ValidationError({"dialect": "spreadsheet requires format=csv"})
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
