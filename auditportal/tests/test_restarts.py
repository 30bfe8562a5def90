"""A dead process is restarted after growing pauses, and given up when it keeps dying."""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

import pytest

from auditportal.child_processes import (
    STEADY_SECONDS,
    PortalFailed,
    Restarts,
    SupervisedDatabase,
    SupervisedProcess,
)
from auditportal.embedded import EmbeddedPostgres, EmbeddedPostgresError


def test_each_pause_is_longer_until_it_has_run_steadily() -> None:
    restarts = Restarts((0.0, 1.0, 4.0), most=4)
    restarts.started(100.0)
    moment, waited = 101.0, []
    for _ in range(4):
        restarts.died(moment)
        due = next(m for m in itertools.count(int(moment)) if restarts.is_due(float(m)))
        waited.append(due - moment)
        assert not restarts.is_given_up
        restarts.started(float(due))
        moment = due + 1.0
    assert waited == [0.0, 1.0, 4.0, 4.0]
    restarts.started(moment)
    restarts.died(moment + STEADY_SECONDS)
    assert restarts.in_a_row == 1


def test_starts_that_fail_count_as_deaths() -> None:
    restarts = Restarts((0.0,), most=2)
    restarts.started(0.0)
    restarts.died(STEADY_SECONDS)
    restarts.died(10 * STEADY_SECONDS)
    assert not restarts.is_given_up
    restarts.died(20 * STEADY_SECONDS)
    assert restarts.is_given_up


def test_a_child_that_cannot_live_is_given_up_aloud() -> None:
    told: list[str] = []
    child = SupervisedProcess(
        "web", "the web server", [sys.executable, "-c", "raise SystemExit(3)"], os.environ,
        Restarts((0.0,), most=2), lambda event, text, **fields: told.append(event),
    )  # fmt: skip
    child.start().wait(60)
    for _ in range(2):
        child.check()
        assert child.process is not None
        child.process.wait(60)
    with pytest.raises(PortalFailed, match="ended 3 times in a row, the last time with code 3"):
        child.check()
    assert told == ["web_died", "web_restarted"] * 2 + ["web_given_up"]


class Server(EmbeddedPostgres):
    """A server whose pid the test sets."""

    pid: int | None = 7


@pytest.fixture
def told() -> list[tuple[str, object]]:
    return []


def kept(home: Path, told: list[tuple[str, object]]) -> SupervisedDatabase:
    def tell(event: str, text: str, **fields: object) -> None:
        told.append((event, fields.get("by")))

    database = SupervisedDatabase(Server(home), Restarts((0.0,), most=2), tell)
    database.begin()
    return database


def test_a_database_that_another_process_started_again_has_died(
    home: Path, told: list[tuple[str, object]]
) -> None:
    database = kept(home, told)
    database.check()
    assert told == []
    database.server.pid = 8  # type: ignore[misc]
    database.check()
    database.check()
    assert told == [("postgres_died", None), ("postgres_restarted", "another process")]


def test_a_database_that_does_not_start_is_given_up_aloud(
    home: Path, told: list[tuple[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def revive(server: EmbeddedPostgres) -> None:
        raise EmbeddedPostgresError("the disk is full")

    monkeypatch.setattr("auditportal.child_processes.sharing.revive", revive)
    database = kept(home, told)
    database.server.pid = None  # type: ignore[misc]
    database.check()
    with pytest.raises(PortalFailed, match="3 times in a row: the disk is full"):
        database.check()
    assert [event for event, _ in told] == [
        "postgres_died",
        "postgres_not_restarted",
        "postgres_given_up",
    ]
