"""Serializer fields for the parameters of the HTTP API, with their OpenAPI types."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.drainage import set_override
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events.errors import TimestampError
from events.format.event import MAX_SEQUENCE
from events.format.timestamps import parse_timestamp
from events.ingest.paths import FieldPathError, split_path
from observers.filters import MAX_FIELD, MAX_VALUE
from observers.filters.payload import PayloadValue, PayloadValueError, parse_value


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


@extend_schema_field({"type": "number", "minimum": 0})
class SecondsField(serializers.Field[Decimal, str, str, Any]):
    """Seconds, with a fraction down to the microsecond."""

    def to_internal_value(self, data: str) -> Decimal:
        if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,6})?", data):
            raise serializers.ValidationError("must be a number of seconds such as 5 or 0.25")
        return Decimal(data)


@extend_schema_field({"type": "string", "maxLength": MAX_FIELD})
class PayloadPathField(serializers.Field[list[str], str, str, Any]):
    """The dotted path to a field of the payload."""

    def to_internal_value(self, data: str) -> list[str]:
        try:
            return split_path(_checked(data, MAX_FIELD))
        except FieldPathError as error:
            raise serializers.ValidationError(str(error)) from None


@extend_schema_field({"type": "string", "maxLength": MAX_VALUE})
class PayloadValueField(serializers.Field[PayloadValue, str, str, Any]):
    """A JSON text, or a text that is not JSON and stands for itself."""

    def to_internal_value(self, data: str) -> PayloadValue:
        try:
            return parse_value(_checked(data, MAX_VALUE))
        except PayloadValueError as error:
            raise serializers.ValidationError(str(error)) from None


def _checked(text: str, most: int) -> str:
    """Refuses a text that is empty, too long, or holds a null character."""
    if not text:
        raise serializers.ValidationError('must not be empty; the empty text is written ""')
    if len(text) > most or "\0" in text:
        raise serializers.ValidationError(f"must be at most {most} characters, none of them null")
    return text
