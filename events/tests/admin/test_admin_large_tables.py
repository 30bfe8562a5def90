"""The admin's lists stay fast however long the tables: no COUNT(*), no OFFSET, no slow search."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events.append.services import writer
from events.models import Append, ClockDriftWarning
from events.tests.support.admin_site import address, superuser
from events.tests.support.ledger import Ledger, submission

EVENTS = "/admin/events/ledgerevent/"


@pytest.fixture
def client(ledger: Ledger) -> Client:
    """A superuser's session."""
    return superuser()


def sequences(client: Client, query: str = "") -> list[int]:
    """The events on a page of the list."""
    response = client.get(EVENTS + query)
    assert response.status_code == 200
    return [event.sequence for event in response.context["cl"].result_list]


def test_windows_meet_every_event_once(ledger: Ledger, client: Client) -> None:
    writer().write_events([submission(number=n) for n in range(250)])
    pages = [sequences(client, f"?p={page}") for page in (1, 2, 3)]
    assert [s for page in pages for s in page] == list(range(253, 0, -1))
    rising = [sequences(client, f"?o=0&p={page}") for page in (1, 2, 3)]
    assert [s for page in rising for s in page] == list(range(1, 254))


def test_a_gap_shortens_its_window_and_moves_nothing(ledger: Ledger, client: Client) -> None:
    writer().write_events([submission(number=n) for n in range(250)])
    ledger.tamper("DELETE FROM events WHERE sequence BETWEEN 180 AND 189")
    assert sequences(client, "?p=1") == [*range(253, 189, -1), *range(179, 153, -1)]
    assert sequences(client, "?p=2") == list(range(153, 53, -1))


def test_events_beyond_a_cut_head_are_listed(ledger: Ledger, client: Client) -> None:
    ledger.write(3)
    ledger.tamper("DELETE FROM appends WHERE last_sequence > 4")
    assert sequences(client) == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("page", [1, 3])
def test_events_are_neither_counted_nor_skipped(ledger: Ledger, client: Client, page: int) -> None:
    writer().write_events([submission(number=n) for n in range(250)])
    with CaptureQueriesContext(connection) as captured:
        sequences(client, f"?p={page}")
    ledger_queries = [q["sql"] for q in captured if '"events"' in q["sql"]]
    assert ledger_queries
    assert not [sql for sql in ledger_queries if "COUNT(" in sql or "OFFSET" in sql]
    assert not [sql for sql in ledger_queries if '"payload"' in sql]


def test_searches_by_sequence_id_type_and_agent(ledger: Ledger, client: Client) -> None:
    events = ledger.write(2)
    writer().write_event(submission(event_type="other type", agent_id="agent-8"))
    assert sequences(client, "?q=5") == [5]
    assert sequences(client, f"?q={events[0].event_id}") == [4]
    assert sequences(client, "?q=other+type") == [6]
    assert sequences(client, "?q=agent-7") == [5, 4]
    assert sequences(client, "?q=nothing") == []
    assert sequences(client, f"?q={2**63}") == []


def test_finds_the_append_of_a_sequence(ledger: Ledger, client: Client) -> None:
    ledger.write(2)
    writer().write_events([submission(number=n) for n in range(5)])

    def found(term: str) -> list[int]:
        response = client.get(f"{address(Append, 'changelist')}?q={term}")
        return [append.last_sequence for append in response.context["cl"].result_list]

    assert found("7") == [10]
    assert found("5") == [5]
    assert found("11") == []
    assert found("x") == []


def test_lists_and_searches_drift_warnings(ledger: Ledger, client: Client) -> None:
    long_ago = datetime(1970, 1, 1, tzinfo=UTC)
    writer().write_events([submission(number=n, local_timestamp=long_ago) for n in range(3)])

    def found(query: str) -> list[int]:
        response = client.get(address(ClockDriftWarning, "changelist") + query)
        return [warning.event.sequence for warning in response.context["cl"].result_list]

    assert found("") == [6, 5, 4]
    assert found("?q=5") == [5]
    assert found("?q=agent-8") == []
    with CaptureQueriesContext(connection) as captured:
        found("")
    assert len(captured) <= 12
