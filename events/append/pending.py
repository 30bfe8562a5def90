"""What one caller asks a group commit to write, and what became of it.

It must never touch the database, and never be answered twice.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from events.append.chain import prepare
from events.append.writer import Written
from events.submission import Submission


class PendingAppend:
    """One caller's events, prepared in the caller's own thread, and the place it waits at."""

    def __init__(self, submissions: Sequence[Submission]) -> None:
        self.prepared = [prepare(submission) for submission in submissions]
        self.agents = {submission.agent_id for submission in submissions}
        self.bytes = sum(len(submission.canonical_payload) for submission in submissions)
        self._outcome: list[Written] | BaseException | None = None
        # Held until there is an outcome.
        self._sleep = threading.Lock()
        self._sleep.acquire()

    def __len__(self) -> int:
        return len(self.prepared)

    @property
    def is_answered(self) -> bool:
        """Whether there is an outcome."""
        return self._outcome is not None

    def ids(self) -> list[str]:
        """All of its ids."""
        return [p.event_id for p in self.prepared]

    def named(self) -> list[str]:
        """The ids that the writer chose: only those can be in the ledger already."""
        return [p.event_id for p in self.prepared if p.submission.event_id is not None]

    def decide(self, outcome: list[Written] | BaseException) -> None:
        """Note what became of it; what was noted first stands."""
        if self._outcome is None:
            self._outcome = outcome

    def wake(self) -> None:
        """Let the caller go on; once, and after `decide`."""
        self._sleep.release()

    def answer(self, outcome: list[Written] | BaseException) -> None:
        """Say what became of it, unless that was said before."""
        if self._outcome is None:
            self.decide(outcome)
            self.wake()

    def wait(self, seconds: float) -> bool:
        """Sleep until there is an outcome; False when `seconds` pass without one."""
        return self._sleep.acquire(timeout=seconds)

    def result(self) -> list[Written]:
        """What was written, or the error that kept it out."""
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome or []
