"""The sample agents: what they play, where they refuse, and how they leave."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from events import sample
from events.format.event import Event
from events.format.key_events import REGISTERED
from events.management.commands import play_sample
from events.store.drift import DriftFilter, list_warnings
from events.store.ledger import EventFilter
from events.tests.support.ledger import OPENING, Ledger

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def embedded(settings: object) -> None:
    settings.PORTAL_EMBEDDED = True  # type: ignore[attr-defined]


def first(count: int, seed: int = sample.SEED) -> list[tuple[str | None, str, bytes]]:
    played = itertools.islice(sample.play(seed, lambda: START), count)
    return [(one.agent_id, one.event_type, one.canonical_payload) for one in played]


def test_the_same_seed_plays_the_same() -> None:
    assert first(200) == first(200)
    assert first(200) != first(200, seed=1)


def test_every_agent_plays_early() -> None:
    assert {agent for agent, _, _ in first(8)} == {agent.agent_id for agent in sample.AGENTS}


def test_one_sample_clock_runs_fast_and_one_is_stuck() -> None:
    played = list(itertools.islice(sample.play(clock=lambda: START), 200))
    fast = [p.local_timestamp for p in played if p.agent_id == "lab-thermometer"]
    ahead = [moment - START for moment in fast if moment]
    assert ahead[0] == timedelta(0)
    assert ahead == sorted(ahead)
    assert ahead[12] < timedelta(seconds=5) < ahead[13]
    stuck = {p.local_timestamp for p in played if p.agent_id == "old-plc"}
    assert stuck == {datetime(1970, 1, 1, tzinfo=UTC)}
    others = {p.local_timestamp for p in played if p.agent_id not in ("old-plc", "lab-thermometer")}
    assert others == {START}


def played(ledger: Ledger) -> list[Event]:
    """What was played, without the registrations of the agents."""
    return [event for event in ledger.written() if event.event_type != REGISTERED]


def test_an_empty_ledger_gets_sixty_events_at_once(ledger: Ledger) -> None:
    call_command("play_sample", minutes=0.001)
    events = played(ledger)
    assert len(events) == 60
    appends = {n for (n,) in ledger.query("SELECT first_sequence FROM appends")}
    assert 15 < len(appends & {event.sequence for event in events}) < 30
    assert ledger.store.verify_sequence_continuity() == (True, ())
    warned = {warning.agent_id for warning in list_warnings("default", DriftFilter(), limit=99)}
    assert warned == {"old-plc", "lab-thermometer"}


def test_a_ledger_with_events_is_refused(ledger: Ledger) -> None:
    ledger.write()
    with pytest.raises(CommandError, match="not empty") as refusal:
        call_command("play_sample", minutes=0.001)
    assert refusal.value.returncode == 2
    assert ledger.store.get_max_sequence() == OPENING + 1


def test_a_database_of_somebody_elses_is_refused(ledger: Ledger, settings: object) -> None:
    settings.PORTAL_EMBEDDED = False  # type: ignore[attr-defined]
    with pytest.raises(CommandError, match="DATABASE_URL") as refusal:
        call_command("play_sample", minutes=0.001)
    assert refusal.value.returncode == 2
    assert ledger.store.get_max_sequence() == OPENING


def test_of_two_players_one_leaves(ledger: Ledger) -> None:
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    class Player(play_sample.Command):
        def _play(self, *arguments: object) -> None:
            barrier.wait()  # both have seen an empty ledger
            try:
                super()._play(*arguments)  # type: ignore[arg-type]
                outcomes.append("played")
            except CommandError as error:
                outcomes.append(str(error))

    def play() -> None:
        try:
            Player().handle(minutes=0.001, seed=1)
        finally:
            connections.close_all()

    @contextmanager
    def unsignalled(stop: object) -> Iterator[None]:
        yield  # only the main thread may take signals

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(play_sample, "_stopping", unsignalled)
        threads = [threading.Thread(target=play) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(outcomes) == ["other sample agents are already running", "played"]
    assert len(played(ledger)) == 60


def when(condition: object, action: object) -> threading.Thread:
    """A thread that acts once a condition holds, and reports to nobody."""

    def wait() -> None:
        deadline = time.monotonic() + 60
        while not condition() and time.monotonic() < deadline:  # type: ignore[operator]
            pass
        connections.close_all()
        action()  # type: ignore[operator]

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_sigterm_ends_it_cleanly_at_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play_sample, "PAUSE_SECONDS", 300.0)
    before = signal.getsignal(signal.SIGTERM)
    thread = when(
        lambda: len(played(ledger)) == 60,
        lambda: os.kill(os.getpid(), signal.SIGTERM),
    )
    started = time.monotonic()
    call_command("play_sample", minutes=60)
    thread.join()
    assert time.monotonic() - started < 30
    assert signal.getsignal(signal.SIGTERM) == before
    assert len(played(ledger)) == 60


def test_a_database_that_goes_away_and_comes_back_is_survived(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(play_sample, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(play_sample, "RETRY_SECONDS", 0.01)

    def cut() -> None:
        # Nobody gets in until the writer has been thrown out and turned away.
        with ledger.connect("postgres") as superuser:
            superuser.execute(f"ALTER DATABASE {ledger.name} CONNECTION LIMIT 0")
            superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE usename = 'portal_app' AND datname = current_database()"
            )
            superuser.execute(f"ALTER DATABASE {ledger.name} CONNECTION LIMIT -1")
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                [(count,)] = superuser.execute("SELECT max(sequence) FROM events").fetchall()
                if count >= seen["at"] + 50:
                    break
        os.kill(os.getpid(), signal.SIGTERM)

    seen = {"at": 0}

    def under_way() -> bool:
        seen["at"] = ledger.store.get_max_sequence()
        return seen["at"] > 100

    thread = when(under_way, cut)
    call_command("play_sample", minutes=5)
    thread.join()
    assert ledger.store.get_max_sequence() >= seen["at"] + 50
    assert ledger.store.verify_sequence_continuity() == (True, ())
    ids = [event.event_id for event in ledger.store.select(EventFilter(), limit=1000)]
    assert len(ids) == len(set(ids))
