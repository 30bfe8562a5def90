"""A server whose threads could open more connections than the database accepts does not start."""

from __future__ import annotations

import pytest
from pytest_django import Settings
from structlog.testing import capture_logs

from auditportal.bootstrap import OF_A_PROCESS, OTHERS, TooFewConnections, require_connections
from events.tests.support.ledger import Ledger


def available(ledger: Ledger) -> int:
    rows = ledger.query(
        "SELECT current_setting('max_connections')::int"
        " - current_setting('superuser_reserved_connections')::int"
        " - current_setting('reserved_connections')::int"
    )
    return int(rows[0][0])


def test_takes_as_many_threads_as_there_are_connections_for(ledger: Ledger) -> None:
    require_connections(1, available(ledger) - OTHERS - OF_A_PROCESS)


def test_refuses_one_thread_more_and_names_what_to_change(ledger: Ledger) -> None:
    room = available(ledger)
    with pytest.raises(TooFewConnections) as refused:
        require_connections(1, room - OTHERS - OF_A_PROCESS + 1)
    for named in ("PORTAL_WORKERS=1", "PORTAL_THREADS", "max_connections", str(room)):
        assert named in str(refused.value)


def test_says_what_would_be_short_while_a_replica_is_away(
    ledger: Ledger, settings: Settings
) -> None:
    settings.LEDGER_READ_ALIAS = "observer"
    most = (available(ledger) - OTHERS - OF_A_PROCESS) // 2
    with capture_logs() as enough:
        require_connections(1, most)
    with capture_logs() as short:
        require_connections(1, most + 1)
    assert enough == []
    assert [line["event"] for line in short] == ["connections_short_without_replica"]
