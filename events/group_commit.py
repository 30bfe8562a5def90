"""Group commit: what many threads ask to write at once goes into one transaction.

It must never make anyone wait for company, nor let one request's failure be another's.

The first thread that comes leads: it writes what is waiting, itself included, and hands the lead
to the first of those that came meanwhile. So under load a commit carries as many requests as
arrived during the one before; alone, a caller pays nothing. No thread of its own has to be kept
alive, and each leader uses its own database connection.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from events.store.connection import LedgerUnavailableError
from events.submission import Submission
from events.writer import AtomicEventWriter, Outcome, Written

MAX_EVENTS = 1000
"""Events in one transaction; a request of more goes alone."""

MAX_BYTES = 8 * 2**20
"""Payload bytes in one transaction, in canonical form."""


class _Request:
    """What one caller asks to write, and where it waits."""

    def __init__(self, submissions: Sequence[Submission]) -> None:
        self.submissions = submissions
        self.bytes = sum(len(s.canonical_payload) for s in submissions)
        self.outcome: Outcome | None = None
        # Held until there is something to wake up for: an outcome, or the lead.
        self._sleep = threading.Lock()
        self._sleep.acquire()

    def wait(self) -> None:
        """Sleep until woken."""
        self._sleep.acquire()

    def wake(self) -> None:
        """Called once, by whoever leads."""
        self._sleep.release()

    def result(self) -> list[Written]:
        """What was written, or the error that kept this request out."""
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome or []


class GroupCommit:
    """Gathers what many threads ask to write, for one writer."""

    def __init__(self, writer: AtomicEventWriter) -> None:
        self._writer = writer
        self._mutex = threading.Lock()
        self._waiting: deque[_Request] = deque()
        self._is_led = False

    @property
    def waiting(self) -> int:
        """Requests that no leader has taken yet."""
        return len(self._waiting)

    @property
    def is_led(self) -> bool:
        """Whether some thread is writing."""
        return self._is_led

    def write_event(self, submission: Submission) -> Written:
        """Append one event, as `AtomicEventWriter.write_event`."""
        return self.write_events([submission])[0]

    def write_events(self, submissions: Sequence[Submission]) -> list[Written]:
        """Append events in order, all or none, as `AtomicEventWriter.write_events`."""
        request = _Request(submissions)
        with self._mutex:
            self._waiting.append(request)
            leads, self._is_led = not self._is_led, True
        if not leads:
            request.wait()
        if request.outcome is None:
            self._lead()
        written = request.result()
        self._writer.report(written)
        return written

    def _lead(self) -> None:
        """Write one group. The leader's own request is always the first that waits."""
        group = self._take()
        outcomes: list[Outcome] | None = None
        try:
            outcomes = self._writer.write_groups([request.submissions for request in group])
        finally:
            self._hand_over()
            for number, request in enumerate(group):
                request.outcome = outcomes[number] if outcomes else _abandoned()
                if number:
                    request.wake()

    def _take(self) -> list[_Request]:
        with self._mutex:
            group = [self._waiting.popleft()]
            events, size = len(group[0].submissions), group[0].bytes
            while self._waiting:
                events += len(self._waiting[0].submissions)
                size += self._waiting[0].bytes
                if events > MAX_EVENTS or size > MAX_BYTES:
                    break
                group.append(self._waiting.popleft())
            return group

    def _hand_over(self) -> None:
        """Wake the next leader, before anyone else is told anything: its transaction is what
        the others wait for."""
        with self._mutex:
            following = self._waiting[0] if self._waiting else None
            self._is_led = following is not None
        if following is not None:
            following.wake()


def _abandoned() -> LedgerUnavailableError:
    """For those whose leader was stopped by an error that is nobody's request's fault."""
    return LedgerUnavailableError(
        "the database is not available: writing was interrupted; send the same event_id again"
    )
