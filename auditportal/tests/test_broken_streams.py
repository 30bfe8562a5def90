"""A stream interrupted by the database logs one line and ends without a traceback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.http import StreamingHttpResponse
from structlog.testing import capture_logs

from auditportal.request_log import EndOnDatabaseLoss, logged
from events.store.connection import LedgerUnavailableError

AWAY = LedgerUnavailableError("the database is not available: it was killed")


def pieces(error: Exception) -> Iterator[bytes]:
    yield b"whole\n"
    yield b"broken"
    raise error


def test_the_server_sees_the_end_of_what_the_database_broke_off() -> None:
    closed: list[bool] = []
    response = StreamingHttpResponse(pieces(AWAY))
    # Django's own list of what is closed at the end; its types leave it out.
    response._resource_closers.append(lambda: closed.append(True))  # type: ignore[attr-defined]
    answer = EndOnDatabaseLoss(response)
    assert list(answer) == [b"whole\n", b"broken"]
    answer.close()
    assert closed == [True]


def test_a_fault_of_ours_reaches_the_server() -> None:
    with pytest.raises(ZeroDivisionError):
        list(EndOnDatabaseLoss(StreamingHttpResponse(pieces(ZeroDivisionError()))))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (AWAY, {"event": "streaming_broke_off", "log_level": "warning", "reason": str(AWAY)}),
        (
            ZeroDivisionError(),
            {"event": "streaming_failed", "log_level": "error", "exc_info": True},
        ),
    ],
)
def test_only_a_fault_of_ours_is_logged_with_its_traceback(
    error: Exception, line: dict[str, object]
) -> None:
    with capture_logs() as lines, pytest.raises(type(error)):
        list(logged(pieces(error), {}))
    assert lines[0]["event"] == "streaming_started"
    assert lines[1:] == [line]


def test_a_whole_stream_is_finished() -> None:
    with capture_logs() as lines:
        assert list(logged(iter([b"whole"]), {})) == [b"whole"]
    assert [line["event"] for line in lines] == ["streaming_started", "streaming_finished"]
