"""The verification's address: takes seconds, is limited to a few at a time, and stops when the
client disconnects.

An answer that takes more than a slice is streamed while the work continues: a blank between two
slices, which JSON ignores, lets the server notice that the client has left.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import orjson
from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from events.access.request_context import caller_of, known_caller, note_events
from events.api.problems import RETRY_SECONDS, TOO_MANY_VERIFICATIONS, Refused
from events.api.rendering import OrjsonRenderer
from events.api.schema import READING, refusals
from events.api.views import ApiView
from observers.api.export import Streaming, verifications_of
from observers.api.parameters import MAX_VERIFIED, VerificationParameters
from observers.api.schema import VerificationShape
from observers.api.status import SaysStatus, read_status, with_status
from observers.api.views import following_page, reading_store
from observers.continuity import find_ends
from observers.export import spoil_on_failure
from observers.verification.ledger import verify_in_steps
from observers.verification.report import Report

SLICE = 250
"""Events between two looks at whether the client is still there: some tenths of a second."""

MAX_FOR_STRANGERS = 1000
"""Events in one answer to somebody who reads because everybody may."""

BROKEN = b'{"verification":"broke off'
"""The beginning of a text that never ends: no reader of JSON takes an answer that stops there."""

Steps = Generator[None, None, Report]


class Verification(SaysStatus, ApiView):
    """Every check of the format and of continuity, over a part of the ledger."""

    @extend_schema(
        operation_id="verify",
        tags=["read"],
        parameters=[VerificationParameters],
        responses={200: VerificationShape, **refusals(TOO_MANY_VERIFICATIONS, *READING)},
    )
    def get(self, request: Request) -> Any:
        """Returns the findings, each with its sequence and the check that failed."""
        asked = VerificationParameters.read(request.query_params)
        working = Streaming(verifications_of(request._request), caller_of(request._request))
        if not working.admitted:
            raise Refused(
                TOO_MANY_VERIFICATIONS,
                "this server process has reached its limit of verifications, in total or for one "
                "caller; try again later",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )
        try:
            return self._verify(request, asked, working)
        except BaseException:
            working.close()
            raise

    def _verify(self, request: Request, asked: dict[str, Any], working: Streaming) -> Any:
        store = reading_store(reaching=asked["end"])
        start = asked["start"] or 1
        last = find_ends(store).last if asked["end"] is None else asked["end"]
        most = MAX_VERIFIED if known_caller(request._request) else MAX_FOR_STRANGERS
        end = min(last, start + most - 1)
        following = following_page(request, start=end + 1) if end < last else None
        steps = verify_in_steps(store.using, start, end, size=SLICE)
        # The first slice runs before the answer begins, so that its errors have their own status.
        report = _next_slice(steps)
        if report is None:
            working.pieces = spoil_on_failure(_in_pieces(request, steps, following), BROKEN)
            return StreamingHttpResponse(working, content_type=OrjsonRenderer.media_type)
        working.close()
        note_events(request._request, report.checked)
        return Response(report.as_dict() | {"next": following})


def _next_slice(steps: Steps) -> Report | None:
    """Verifies one slice; returns the report after the last one."""
    try:
        next(steps)
    except StopIteration as done:
        report: Report = done.value
        return report
    return None


def _in_pieces(request: Request, steps: Steps, following: str | None) -> Iterator[bytes]:
    """Yields a blank for each slice, then the report."""
    while True:
        yield b" "
        report = _next_slice(steps)
        if report is not None:
            break
    note_events(request._request, report.checked)
    answer = orjson.Fragment(orjson.dumps(report.as_dict() | {"next": following}))
    yield orjson.dumps(with_status(answer, read_status()))
