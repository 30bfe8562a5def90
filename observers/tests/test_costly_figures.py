"""Figures that cost time: found anew beside the pages, never shown too old."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from events.tests.ledger import Ledger
from observers.pages import remembered as module
from observers.pages.remembered import remembered


class Figure:
    """Counts how often it was found; a dear one is waited for by hand."""

    def __init__(self) -> None:
        self.found = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.began = threading.Event()

    def __call__(self) -> int:
        self.began.set()
        assert self.may_go_on.wait(30)
        self.found += 1
        return self.found


@pytest.fixture
def figure(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[Figure]:
    """Every figure counts as dear, and none is fresh."""
    cache.clear()
    monkeypatch.setattr(module, "DEAR", 0.0)
    monkeypatch.setattr(module, "FRESH", -1.0)
    yield Figure()
    cache.clear()


def settle() -> None:
    """Until no figure is being found beside a page."""
    for thread in threading.enumerate():
        if thread.name.startswith("a-figure-"):
            thread.join(30)


def test_a_dear_figure_is_found_anew_beside_the_page(figure: Figure) -> None:
    assert remembered("a-figure", "default", figure).answer == 1
    figure.may_go_on.clear()
    figure.began.clear()
    assert remembered("a-figure", "default", figure).answer == 1, "the page does not wait"
    assert figure.began.wait(30)
    for _ in range(5):
        assert remembered("a-figure", "default", figure).answer == 1
    figure.may_go_on.set()
    settle()
    assert figure.found == 2, "one at a time"
    assert remembered("a-figure", "default", figure).answer == 2
    settle()


def test_a_figure_too_old_is_waited_for(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OLDEST", 0.0)
    answers = [remembered("a-figure", "default", figure).answer for _ in range(3)]
    assert answers == [1, 2, 3]


def test_a_failure_beside_a_page_leaves_the_known_figure(
    figure: Figure, caplog: pytest.LogCaptureFixture
) -> None:
    known = remembered("a-figure", "default", figure)

    def fail() -> int:
        raise ValueError("the disk is on fire")

    assert remembered("a-figure", "default", fail) == known
    settle()
    assert "a figure could not be found anew" in caplog.text
    assert remembered("a-figure", "default", figure) == known, "and the next page tries again"
    settle()
    assert figure.found == 2


def test_a_cheap_figure_is_never_older_than_its_share(ledger: Ledger) -> None:
    cache.clear()
    known = remembered("a-figure", "default", lambda: 1)
    assert known.cost < module.DEAR
    assert timedelta(0) <= timezone.now() - known.found_at < timedelta(seconds=30)
    assert known.good_for <= module.SHARE_OF_TIME * known.cost
