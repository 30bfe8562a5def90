"""One caller's request to append events, and a one-shot future for its outcome."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from events.append.chain import prepare
from events.append.writer import Written
from events.submission import Submission


class PendingAppend:
    """Events prepared in the caller's thread, and the lock on which the caller waits.

    Not a `concurrent.futures.Future`: that sets the outcome and wakes the caller in one step, and
    with 64 callers took 32 to 43 µs of processor time a request where this took 19 to 27.

    Invariant: answered once. The first outcome stands.
    """

    def __init__(self, submissions: Sequence[Submission]) -> None:
        self.prepared = [prepare(submission) for submission in submissions]
        self.agents = {submission.agent_id for submission in submissions}
        self.bytes = sum(len(submission.canonical_payload) for submission in submissions)
        self._outcome: list[Written] | BaseException | None = None
        # Used as an event: held until there is an outcome.
        self._sleep = threading.Lock()
        self._sleep.acquire()

    def __len__(self) -> int:
        return len(self.prepared)

    @property
    def is_answered(self) -> bool:
        """True once there is an outcome."""
        return self._outcome is not None

    def ids(self) -> list[str]:
        """All event ids of the request."""
        return [p.event_id for p in self.prepared]

    def named(self) -> list[str]:
        """The ids that the client chose. Only those can already be in the ledger."""
        return [p.event_id for p in self.prepared if p.submission.event_id is not None]

    def decide(self, outcome: list[Written] | BaseException) -> None:
        """Set the outcome unless there is one already. Does not wake the caller."""
        if self._outcome is None:
            self._outcome = outcome

    def wake(self) -> None:
        """Wake the caller. Call once, after `decide`."""
        self._sleep.release()

    def answer(self, outcome: list[Written] | BaseException) -> None:
        """Set the outcome and wake the caller, unless there is an outcome already."""
        if self._outcome is None:
            self.decide(outcome)
            self.wake()

    def wait(self, seconds: float) -> bool:
        """Block until there is an outcome; False on timeout."""
        return self._sleep.acquire(timeout=seconds)

    def result(self) -> list[Written]:
        """Return the written events, or raise the error that prevented them."""
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome or []
