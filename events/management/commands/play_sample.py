"""`play_sample`: fills a new embedded ledger with sample events.

Invariant: refuses a ledger with events of agents, and any database but the embedded one.
"""

from __future__ import annotations

import queue
import signal
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from django.conf import settings

from events import sample
from events.append.services import writer
from events.ingest.loading import AgentKeys
from events.management.base import LedgerCommand, refuse
from events.registrar import registrar
from events.store.connection import LedgerUnavailableError
from events.submission import Submission

FIRST_EVENTS = 60
BATCHES = (1, 5, 2, 4, 3)
"""Sizes of the first transactions, used in turn."""

PAUSE_SECONDS = 2.0
RETRY_SECONDS = 1.0


class Command(LedgerCommand):
    """Writes the first events at once, then one every two seconds, until the time is up."""

    help = (
        "Let sample agents write into a new embedded ledger: 60 events at once, then one every "
        "2 seconds. The clock of one runs fast, another's is stuck in 1970. "
        "Refuses a ledger with events of agents, and any database of DATABASE_URL."
    )
    requires_system_checks = []  # those look at the web pages

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--minutes", type=float, default=10, help="minutes to run [10]")
        parser.add_argument(
            "--seed", type=int, default=sample.SEED, help="seed of the sample events"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.PORTAL_EMBEDDED:
            refuse("sample agents never play on a DATABASE_URL")
        self._writer = writer()
        if not self._writer.store.is_unused():
            refuse("the ledger is not empty; sample agents need one that no agent has written to")
        # Not an Event: a signal handler that sets one can deadlock on its lock in this thread.
        self._stop: queue.SimpleQueue[int] = queue.SimpleQueue()
        with _stopping(self._stop):
            self._play(sample.play(options["seed"]), options["minutes"] * 60)

    def _play(self, submissions: Iterator[Submission], seconds: float) -> None:
        end = time.monotonic() + seconds
        if not self._writer.write_event(sample.STARTED).created:
            refuse("other sample agents are already running")
        agents = AgentKeys(registrar(), lambda agent, key_id: None)
        for agent in sample.AGENTS:
            agents.require(agent.agent_id)
        for size in _first_batches():
            if not self._write(list(islice(submissions, size)), end):
                return
        while self._waited(PAUSE_SECONDS, end) and self._write([next(submissions)], end):
            pass

    def _write(self, batch: Sequence[Submission], end: float) -> bool:
        """Write a batch, retrying while the database is away; False when asked to stop.

        The ids are given, so that a retry cannot write twice.
        """
        while True:
            try:
                self._writer.write_events(batch)
            except LedgerUnavailableError:
                if not self._waited(RETRY_SECONDS, end):
                    return False
            else:
                return True

    def _waited(self, seconds: float, end: float) -> bool:
        """Wait; False as soon as a stop is requested."""
        left = end - time.monotonic()
        try:
            self._stop.get(timeout=max(0.0, min(seconds, left)))
        except queue.Empty:
            return left > seconds
        return False


def _first_batches() -> Iterator[int]:
    left = FIRST_EVENTS - 1
    while left:
        for size in BATCHES:
            yield min(size, left)
            left -= min(size, left)
            if not left:
                return


@contextmanager
def _stopping(stop: queue.SimpleQueue[int]) -> Iterator[None]:
    """While active, SIGTERM and SIGINT request a stop between two events."""
    before = {
        number: signal.signal(number, lambda received, frame: stop.put(received))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
