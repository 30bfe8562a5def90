"""The address of the export. It must never begin to answer before it knows what it will send."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from events.access.note import count_lines
from events.api.problems import RETRY_SECONDS, TOO_MANY_EXPORTS, Refused
from events.api.schema import READING, refusals
from events.api.scope import narrow
from events.api.views import ApiView
from observers.api.parameters import ExportParameters
from observers.api.places import Streaming
from observers.api.system_status import SaysStatus
from observers.api.views import reading_store
from observers.completeness import find_ends
from observers.export import FORMATS, stream


class Export(SaysStatus, ApiView):
    """A span of the ledger as a file, whole or narrowed."""

    narrows = True

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """The parameter `format` says what is sent, whatever is accepted."""
        return super().perform_content_negotiation(request, force=True)

    @extend_schema(
        operation_id="export",
        tags=["read"],
        parameters=[ExportParameters],
        responses={
            (200, "application/x-ndjson"): {"type": "string", "description": "One event a line."},
            (200, "text/csv"): {"type": "string", "description": "A header and one event a row."},
            **refusals(TOO_MANY_EXPORTS, *READING),
        },
    )
    def get(self, request: Request) -> Any:
        """The stream; its name says which span it holds."""
        asked = ExportParameters.read(request.query_params)
        store = reading_store(reaching=asked["end"])
        last = find_ends(store).last
        start = asked["start"] or 1
        end = last if asked["end"] is None else min(asked["end"], last)
        chosen = replace(narrow(request, ExportParameters.as_filter(asked)), start=start, end=end)
        form = FORMATS[asked["format"]]
        pieces = count_lines(request._request, stream(store, form, chosen), form.header)
        streaming = Streaming(pieces)
        if not streaming.admitted:
            raise Refused(
                TOO_MANY_EXPORTS,
                "this server process streams as many exports as it may; ask again later",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        answer = StreamingHttpResponse(streaming, content_type=form.media_type)
        part = "-filtered" if chosen.narrows else ""
        name = f"events-{start}-{end}{part}.{asked['format']}"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer
