"""The export's address. Each export or verification holds one server thread until its end, so the
number running at once is limited for each process.

Invariant: everything that can fail is checked before the answer begins, and the slot is released
however the answer ends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.http import HttpRequest, StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from events.access.concurrency import Places
from events.access.request_context import caller_of, count_lines, known_caller
from events.api.authentication import narrow
from events.api.problems import RETRY_SECONDS, TOO_MANY_EXPORTS, Refused
from events.api.schema import READING, refusals
from events.api.views import ApiView
from observers.api.parameters import ExportParameters
from observers.api.status import SaysStatus
from observers.api.views import reading_store
from observers.continuity import find_ends
from observers.export import FORMATS, SPREADSHEET, stream
from observers.filters.definitions import event_filter

exports = Places(settings.PORTAL_THREADS // 8, settings.PORTAL_THREADS // 16)
"""An eighth of the threads, half of these for one caller."""

verifications = Places(2, 1)
"""One a caller: each takes a processor for as long as it goes on."""

strangers_verifications = Places(1, 1, within=verifications)


def verifications_of(request: HttpRequest) -> Places:
    """Returns the caller's limit for verifications."""
    return verifications if known_caller(request) else strangers_verifications


class Streaming(Iterator[bytes]):
    """An iterator that holds a slot until it is exhausted, closed or collected."""

    def __init__(self, places: Places, caller: str) -> None:
        self.pieces: Iterator[bytes] = iter(())
        self._places, self._caller = places, caller
        self._held = places.take(caller)
        self._lock = threading.Lock()

    @property
    def admitted(self) -> bool:
        """True when there was a free slot."""
        return self._held

    def __next__(self) -> bytes:
        try:
            return next(self.pieces)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Releases the slot; Django and the server call it when the answer is over."""
        with self._lock:
            held, self._held = self._held, False
        if held:
            self._places.leave(self._caller)

    def __del__(self) -> None:
        if hasattr(self, "_lock"):
            self.close()


class Export(SaysStatus, ApiView):
    """A span of the ledger as a file, whole or narrowed."""

    narrows = True

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """Takes the format from the parameter `format`, whatever `Accept` says."""
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
        """Streams the file; its name says which span it holds."""
        asked = ExportParameters.read(request.query_params)
        streaming = Streaming(exports, caller_of(request._request))
        if not streaming.admitted:
            raise Refused(
                TOO_MANY_EXPORTS,
                "this server process has reached its limit of exports, in total or for one caller; "
                "try again later",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        try:
            return self._export(request, asked, streaming)
        except BaseException:
            streaming.close()
            raise

    def _export(self, request: Request, asked: dict[str, Any], streaming: Streaming) -> Any:
        store = reading_store(reaching=asked["end"])
        last = find_ends(store).last
        start = asked["start"] or 1
        end = last if asked["end"] is None else min(asked["end"], last)
        chosen = replace(narrow(request, event_filter(asked)), start=start, end=end)
        for_people = asked["dialect"] == "spreadsheet"
        form = SPREADSHEET if for_people else FORMATS[asked["format"]]
        pieces = stream(store, form, chosen)
        streaming.pieces = count_lines(request._request, pieces, form.header)
        answer = StreamingHttpResponse(streaming, content_type=form.media_type)
        part = "-filtered" if chosen.narrows else ""
        part += "-spreadsheet" if for_people else ""
        name = f"events-{start}-{end}{part}.{asked['format']}"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer
