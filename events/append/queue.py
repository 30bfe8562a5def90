"""Group commit: concurrent requests to append share one transaction.

Callers in any thread enqueue a request and sleep. One background thread, started on first use,
takes the ledger's lock and then everything that is waiting, so under load a commit carries all that
arrived during the previous one. A single caller is never delayed to fill a batch, and the queue is
bounded. PostgreSQL grants the lock in order of arrival, so processes alternate. The thread has its
own connection and closes it after `IDLE_SECONDS` without work.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence

from django.db import connections

from events.append.pending import PendingAppend, Written
from events.append.signing_pool import SigningPool
from events.append.transaction import BatchAppender
from events.append.writer import AtomicEventWriter
from events.errors import QueueFullError
from events.keys.signing_process import SigningProcess
from events.store.connection import LedgerUnavailableError
from events.submission import Submission

MAX_EVENTS = 1000
"""Events per transaction; a larger request is written alone."""

MAX_BYTES = 8 * 2**20
"""Canonical payload bytes per transaction."""

MAX_WAITING = 1000
"""Requests that may wait in the queue."""

MAX_WAITING_BYTES = 64 * 2**20
"""Payload bytes that may wait in the queue, beyond one request."""

PATIENCE_SECONDS = 60.0
"""Timeout of a caller that waits for its answer."""

IDLE_SECONDS = 60.0
"""Idle time after which the thread closes its connection."""

CLOSING_SECONDS = 30.0


class AppendQueue:
    """Batches the requests of many threads for one writer."""

    def __init__(
        self,
        writer: AtomicEventWriter,
        *,
        helper: SigningProcess | None = None,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._writer = writer
        self._helper = helper
        self._max_waiting = max_waiting
        self._start_afresh()
        _all.add(self)

    def _start_afresh(self) -> None:
        """Reset all state. A forked process inherits this object, but neither its thread nor its
        callers."""
        self._mutex = threading.Lock()
        self._work = threading.Condition(self._mutex)
        self._waiting: deque[PendingAppend] = deque()
        self._waiting_bytes = 0
        self._taken: list[PendingAppend] = []
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._signing_pool = SigningPool(self._helper)
        self._appender = BatchAppender(
            self._writer.signing, self._writer.witnessing, self._writer.using, self._signing_pool
        )

    @property
    def waiting(self) -> int:
        """Number of requests that no transaction has taken yet."""
        return len(self._waiting)

    @property
    def is_closed(self) -> bool:
        """True once no more requests are accepted."""
        return self._is_closed

    def write_event(self, submission: Submission) -> Written:
        """Append one event, as `AtomicEventWriter.write_event`."""
        return self.write_events([submission])[0]

    def write_events(self, submissions: Sequence[Submission]) -> list[Written]:
        """Append events in order, all or none, as `AtomicEventWriter.write_events`.

        Raises:
            QueueFullError: too much is waiting already, or the process is about to end.
        """
        return self.receive(self.send(submissions))

    def send(self, submissions: Sequence[Submission]) -> PendingAppend:
        """Enqueue events and return at once; `receive` waits for the outcome.

        Raises:
            QueueFullError: too much is waiting already, or the process is about to end.
        """
        request = PendingAppend(submissions)
        self._writer.signatures.check(request.prepared)
        self._put(request)
        return request

    def receive(self, request: PendingAppend) -> list[Written]:
        """Wait for the outcome of `send`; errors as `write_events`. Call once for each request."""
        if not request.wait(PATIENCE_SECONDS):
            self._give_up(request)
        written = request.result()
        self._writer.report(written)
        return written

    def close(self) -> None:
        """Refuse new requests, and wait until the accepted ones are written."""
        with self._mutex:
            self._is_closed = True
            self._work.notify()
        deadline = time.monotonic() + CLOSING_SECONDS
        while (thread := self._thread) is not None and time.monotonic() < deadline:
            thread.join(deadline - time.monotonic())

    def _put(self, request: PendingAppend) -> None:
        with self._mutex:
            if self._is_closed:
                raise QueueFullError("the portal is stopping: nothing was accepted; send it again")
            full = len(self._waiting) >= self._max_waiting
            if full or (self._waiting and self._waiting_bytes > MAX_WAITING_BYTES):
                raise QueueFullError(
                    f"the writer's queue is full ({len(self._waiting):,} requests): nothing was "
                    "accepted; send it again"
                )
            if self._thread is None:
                self._start()  # before enqueueing: it may fail
            self._waiting.append(request)
            self._waiting_bytes += request.bytes
            self._work.notify()

    def _start(self) -> None:
        """Start the thread. The caller holds the mutex, so the thread first waits for the request
        to be enqueued."""
        thread = threading.Thread(target=self._run, name="appender", daemon=True)
        thread.start()
        self._thread = thread

    def _give_up(self, request: PendingAppend) -> None:
        """Handle a timed-out caller. A request still in the queue is withdrawn."""
        with self._mutex:
            if request in self._waiting:
                self._waiting.remove(request)
                self._waiting_bytes -= request.bytes
                request.answer(QueueFullError("the ledger is busy: nothing was accepted"))
        if not request.is_answered:
            raise LedgerUnavailableError(
                f"no answer within {PATIENCE_SECONDS:.0f} s; the events may be recorded: "
                "send the same event_id again"
            )

    def _run(self) -> None:
        """The background thread's loop; ends when the queue has been idle."""
        try:
            while self._await_work():
                self._append_once()
        finally:
            self._appender.wake_callers()
            connections.close_all()
            self._signing_pool.close()
            self._leave()

    def _await_work(self) -> bool:
        with self._mutex:
            if not self._waiting and not self._is_closed:
                self._work.wait(IDLE_SECONDS)
            return bool(self._waiting)

    def _leave(self) -> None:
        """Give up the thread's role. The appender and its helper belong to one thread at a time, so
        requests that arrived during the shutdown are served by a new thread."""
        with self._mutex:
            self._thread = None
            if self._waiting:
                self._start()

    def _append_once(self) -> None:
        try:
            self._appender.append(self._take)
        except Exception as error:
            # Unforeseen: every caller gets it, and logs it with its own request.
            self._answer_all(error)
        except BaseException as error:
            self._answer_all(_abandoned(error))
            self._appender.wake_callers()
            raise
        finally:
            self._put_back()
            if not self._waiting:
                self._appender.wake_callers()

    def _answer_all(self, error: Exception) -> None:
        for request in self._take():
            request.answer(error)

    def _take(self) -> Sequence[PendingAppend]:
        """The requests for one transaction. A retry gets the same ones."""
        if self._taken:
            return self._taken
        with self._mutex:
            events = size = 0
            while self._waiting:
                events += len(self._waiting[0])
                size += self._waiting[0].bytes
                if self._taken and (events > MAX_EVENTS or size > MAX_BYTES):
                    break
                self._taken.append(self._waiting.popleft())
            self._waiting_bytes -= sum(request.bytes for request in self._taken)
            return self._taken

    def _put_back(self) -> None:
        """Return requests that did not fit into the transaction to the front of the queue."""
        with self._mutex:
            for request in reversed(self._taken):
                if not request.is_answered:
                    self._waiting.appendleft(request)
                    self._waiting_bytes += request.bytes
            self._taken = []


def _abandoned(error: BaseException) -> LedgerUnavailableError:
    """The error for callers whose transaction was interrupted through no fault of theirs."""
    return LedgerUnavailableError(
        f"writing was interrupted ({type(error).__name__}); the events may be recorded: "
        "send the same event_id again"
    )


_all: weakref.WeakSet[AppendQueue] = weakref.WeakSet()


def _afresh_in_child() -> None:
    for each in list(_all):
        each._start_afresh()
        if each._helper is not None:
            each._helper.disown()


@atexit.register
def _close_all() -> None:
    for each in list(_all):
        each.close()


os.register_at_fork(after_in_child=_afresh_in_child)
