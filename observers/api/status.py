"""Adds the ledger's halt state to every answer that reads it (CT-11). A halt stops writing, not
reading."""

from __future__ import annotations

from typing import Any

import orjson
from django.conf import settings
from rest_framework import serializers
from rest_framework.request import Request

from events.store.ledger import HaltStateMissingError, PostgresEventStore

HEADER = "System-Status"
MEMBER = "system_status"


class SystemStatusShape(serializers.Serializer[Any]):
    """The ledger's state: halted or writable."""

    halted = serializers.BooleanField(help_text="True: nothing is appended, reading goes on.")
    reason = serializers.CharField(allow_null=True)
    since = serializers.DateTimeField(allow_null=True)


class SaysStatus:
    """View mixin: answers to GET have the member `system_status`, and the header."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Adds the ledger's state; a stream has it in the header alone."""
        if request.method in ("GET", "HEAD") and response.status_code == 200:
            status = read_status()
            response[HEADER] = "halted" if status["halted"] else "running"
            if hasattr(response, "data"):
                response.data = with_status(response.data, status)
        finalized: Any = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        return finalized


def read_status() -> dict[str, Any]:
    """Returns the present value of the member `system_status`."""
    try:
        halt = PostgresEventStore(settings.LEDGER_READ_ALIAS).halt()
    except HaltStateMissingError as error:
        return {"halted": True, "reason": str(error), "since": None}
    return {"halted": halt.halted, "reason": halt.reason, "since": halt.halted_at}


def with_status(answer: Any, status: dict[str, Any]) -> Any:
    """Adds the member at the end of an answer, a dict or the JSON text of an object."""
    if isinstance(answer, orjson.Fragment):
        member = orjson.dumps({MEMBER: status})
        return orjson.Fragment(orjson.dumps(answer)[:-1] + b"," + member[1:])
    return {**answer, MEMBER: status}
