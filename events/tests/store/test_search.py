"""Searching by windows: the same events as one query, and an honest stop."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from events.append.services import writer
from events.store import search as search_module
from events.store.connection import LedgerUnavailableError, fetch_one
from events.store.ledger import EventFilter
from events.store.search import search
from events.tests.support.ledger import OPENING, Ledger, submission


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones, so that a small ledger has many."""
    monkeypatch.setattr(search_module, "SMALLEST", 5)
    monkeypatch.setattr(search_module, "FIRST", 10)
    monkeypatch.setattr(search_module, "QUICK", 0.0)  # never wider


@pytest.fixture
def written(ledger: Ledger) -> Ledger:
    """A hundred events behind the opening, every seventh of agent-8; a hole of 33 to 52."""
    writer().write_events(
        [submission(number=n, agent_id=f"agent-{8 if n % 7 == 0 else 7}") for n in range(1, 101)]
    )
    ledger.tamper("DELETE FROM events WHERE sequence BETWEEN 33 AND 52")
    return ledger


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("limit", [1, 3, 11, 100])
@pytest.mark.parametrize(("start", "end"), [(4, 103), (6, 80), (34, 43), (53, 52), (93, 103)])
def test_windows_find_what_one_query_finds(
    written: Ledger, windows: None, newest_first: bool, limit: int, start: int, end: int
) -> None:
    chosen = EventFilter(start=start, end=end, agent_id="agent-8")
    found = search(written.store, chosen, limit=limit, seconds=60, newest_first=newest_first)
    assert found.events == written.store.select(chosen, limit=limit, newest_first=newest_first)
    assert not found.stopped
    if len(found.events) == limit:
        assert found.reached == found.events[-1].sequence
    else:
        assert found.reached == (start if newest_first else end) or start > end


@pytest.mark.parametrize("newest_first", [False, True])
def test_without_time_one_window_is_searched_and_the_rest_is_not_claimed(
    written: Ledger, windows: None, newest_first: bool
) -> None:
    chosen = EventFilter(start=4, end=103, agent_id="agent-8")
    found = search(written.store, chosen, limit=50, seconds=0, newest_first=newest_first)
    assert found.stopped
    width = 104 - found.reached if newest_first else found.reached - OPENING
    assert width == 5 or width == 10
    expected = [s for s in range(10, 104, 7) if not 33 <= s < 53]
    inside = [s for s in expected if (s >= found.reached if newest_first else s <= found.reached)]
    assert sorted(event.sequence for event in found.events) == inside


def test_a_statement_that_takes_too_long_is_ended(
    written: Ledger, windows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock holds the first statement up; the search narrows down, and waits only for the last."""
    select, asked = written.store.select, []

    def noted(chosen: EventFilter, **options: Any) -> Any:
        asked.append((chosen.start, chosen.end))
        if len(asked) == 2:
            released.set()
            gone.wait(30)
        return select(chosen, **options)

    store = written.store
    monkeypatch.setattr(store, "select", noted)
    locked, released, gone = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        with written.connect("postgres") as other, other.transaction():
            other.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
            locked.set()
            released.wait(30)
        gone.set()

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait(30)
    try:
        found = search(
            store, EventFilter(start=4, end=103, agent_id="agent-8"), limit=50, seconds=0.2
        )
    finally:
        released.set()
        holder.join()
    assert asked == [(4, 13), (4, 8)]
    assert found.stopped
    assert found.reached == 8


def test_the_time_limit_holds_for_the_search_alone(written: Ledger, windows: None) -> None:
    chosen = EventFilter(start=4, end=103, agent_id="agent-8")
    before = fetch_one("default", "search.statement_timeout", {"limit": "0"})
    search(written.store, chosen, limit=50, seconds=9)
    with search_module._at_most("default", None):
        assert fetch_one("default", "search.statement_timeout", {"limit": "0"}) == before


def test_another_database_error_is_not_mistaken_for_a_timeout(
    written: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = written.store

    def lost(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailableError("gone")

    monkeypatch.setattr(store, "select", lost)
    with pytest.raises(LedgerUnavailableError, match="gone"):
        search(store, EventFilter(start=1, end=9, agent_id="agent-8"), limit=5, seconds=9)


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("limit", [1, 4, 100])
@pytest.mark.parametrize("agent_id", ["agent-7", "agent-8", "agent-9", None])
def test_drifted_events_are_the_same_from_the_warnings(
    ledger: Ledger,
    windows: None,
    monkeypatch: pytest.MonkeyPatch,
    newest_first: bool,
    limit: int,
    agent_id: str | None,
) -> None:
    """Two windows by sequence, then the rest from the warnings, one of which appears twice."""
    long_ago = datetime(1970, 1, 1, tzinfo=UTC)
    writer().write_events(
        [
            submission(
                number=n,
                agent_id=f"agent-{7 + n % 2}",
                local_timestamp=long_ago if n % 5 == 0 else None,
            )
            for n in range(60)
        ]
    )
    ledger.tamper(
        "INSERT INTO clock_drift_warnings (event_id, local_timestamp, authority_timestamp,"
        " drift_seconds) SELECT event_id, local_timestamp, authority_timestamp, 9"
        " FROM events WHERE sequence = 34"
    )
    monkeypatch.setattr(search_module, "RARE", 20)
    monkeypatch.setattr(search_module, "QUICK", 60.0)
    store, asked = ledger.store, []
    select_warned = store.select_warned

    def noted(chosen: EventFilter, **options: Any) -> Any:
        asked.append((chosen.start, chosen.end))
        return select_warned(chosen, **options)

    monkeypatch.setattr(store, "select_warned", noted)
    chosen = EventFilter(start=4, end=63, agent_id=agent_id, drifted=True)
    found = search(store, chosen, limit=limit, seconds=60, newest_first=newest_first)
    assert found.events == store.select(chosen, limit=limit, newest_first=newest_first)
    assert not found.stopped
    if limit == 100:
        assert asked == [(4, 53) if newest_first else (14, 63)]
        assert found.reached == (4 if newest_first else 63)
