"""A server process looks at the whole ledger once before anybody asks for a page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.db import connections
from structlog.testing import capture_logs

from events.tests.support.ledger import Ledger
from observers.pages import status as standing
from observers.pages.warming import warm_up


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def test_after_warming_up_a_page_scans_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.write(3)
    # The answer of a small ledger is not good for long; this one is as dear as a large one's.
    monkeypatch.setattr("observers.pages.cache.SHARE_OF_TIME", 1e9)
    warm_up()

    def scan(*_: object) -> None:
        raise AssertionError("scanned again")

    monkeypatch.setattr(standing, "recall_continuity", scan)
    assert standing.read_status().scan.found.end == 6


def test_a_database_that_is_away_keeps_nobody_from_serving(ledger: Ledger) -> None:
    connections.close_all()
    place = connections["default"].settings_dict
    place["NAME"] = "nowhere"
    try:
        with capture_logs() as lines:
            warm_up()
    finally:
        place["NAME"] = ledger.name
    assert [line["event"] for line in lines] == ["not_warmed_up"]
