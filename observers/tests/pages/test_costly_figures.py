"""Figures that cost time: found anew beside the pages, never shown too old."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from events.store.connection import LedgerUnavailableError
from events.tests.support.ledger import Ledger
from observers.pages import cache as module
from observers.pages.cache import cached_in_proportion


class Figure:
    """Counts how often it was found, and is found only with leave."""

    def __init__(self) -> None:
        self.found = 0
        self.leave = threading.Semaphore(1)
        self.asked = threading.Semaphore(0)

    def __call__(self) -> int:
        self.asked.release()
        assert self.leave.acquire(timeout=30)
        self.found += 1
        return self.found


@pytest.fixture
def figure(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[Figure]:
    """Every figure counts as dear, and none is fresh for long."""
    cache.clear()
    monkeypatch.setattr(module, "SLOW", 0.0)
    monkeypatch.setattr(module, "FRESH", 0.0)
    figure = Figure()
    yield figure
    monkeypatch.setattr(module, "REFRESHED_FOR", -1.0)
    figure.leave.release()
    settle()
    cache.clear()


def settle() -> None:
    """Until no figure is kept fresh any more."""
    for thread in threading.enumerate():
        if thread.name.startswith("a-figure-"):
            thread.join(30)
            assert not thread.is_alive()


def ask(figure: Figure) -> int:
    return cached_in_proportion("a-figure", "default", figure).answer


def test_an_expensive_figure_is_refreshed_in_the_background(figure: Figure) -> None:
    assert ask(figure) == 1
    assert figure.asked.acquire(timeout=30)
    for number in range(1, 4):
        assert figure.asked.acquire(timeout=30), "it is being found anew"
        assert [ask(figure) for _ in range(3)] == [number] * 3, "and no page waits for that"
        figure.leave.release()
        while ask(figure) == number:
            assert figure.found <= number + 1, "one at a time"


def test_an_unused_figure_is_no_longer_refreshed(
    figure: Figure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFRESHED_FOR", 0.0)
    assert ask(figure) == 1
    settle()
    assert figure.found == 1


def test_no_more_figures_are_kept_than_the_portal_can_bear(
    figure: Figure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_REFRESHED", 0)
    monkeypatch.setattr(module, "OLDEST", 0.0)
    figure.leave = threading.Semaphore(3)
    assert [ask(figure) for _ in range(3)] == [1, 2, 3], "too old to be shown: found anew"
    assert not any(thread.name.startswith("a-figure-") for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("failure", "says", "traceback"),
    [
        (ValueError("the disk is on fire"), "cached figure could not be refreshed", True),
        (LedgerUnavailableError("gone"), "the database is unavailable: a-figure-", False),
    ],
)
def test_a_failed_background_refresh_keeps_the_cached_figure(
    figure: Figure, caplog: pytest.LogCaptureFixture, failure: Exception, says: str, traceback: bool
) -> None:
    def fail() -> int:
        if figure.found:
            raise failure
        return figure()

    assert cached_in_proportion("a-figure", "default", fail).answer == 1
    settle()
    assert says in caplog.text
    assert any(record.exc_info for record in caplog.records) == traceback
    assert ask(figure) == 1, "and the next page tries again"
    figure.leave.release()
    while ask(figure) == 1:
        assert figure.found <= 2


def test_a_cheap_figure_is_never_older_than_its_share(ledger: Ledger) -> None:
    cache.clear()
    known = cached_in_proportion("a-figure", "default", lambda: 1)
    assert timedelta(0) <= timezone.now() - known.found_at < timedelta(seconds=30)
    assert not known.is_slow
