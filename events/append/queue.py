"""Group commit: what many threads ask to write at once goes into one transaction.

It must never make anyone wait for company, nor take more than it can hold.

Callers in any thread put a request into the queue and sleep. One thread of the process, started
when it is first needed, takes the ledger's lock and then whatever is waiting, so that under load a
commit carries all that came during the one before, or while another process held the lock; alone, a
caller waits for nobody. PostgreSQL hands the lock to those who wait in the order in which they
came, so processes take turns. The thread has a connection of its own and gives it back when nobody
has asked for a while.
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

from events.append.pending import PendingAppend
from events.append.signing_pool import SigningPool
from events.append.transaction import BatchAppender
from events.append.writer import AtomicEventWriter, Written
from events.errors import QueueFullError
from events.keys.signing_process import SigningProcess
from events.store.connection import LedgerUnavailableError
from events.submission import Submission

MAX_EVENTS = 1000
"""Events in one transaction; a request of more goes alone."""

MAX_BYTES = 8 * 2**20
"""Payload bytes in one transaction, in canonical form."""

MAX_WAITING = 1000
"""Requests that may wait."""

MAX_WAITING_BYTES = 64 * 2**20
"""Payload bytes that may wait, beyond one request."""

PATIENCE_SECONDS = 60.0
"""How long a caller waits for an answer."""

IDLE_SECONDS = 60.0
"""How long the thread keeps its connection while nobody asks."""

CLOSING_SECONDS = 30.0


class AppendQueue:
    """Gathers what many threads ask to write, for one writer."""

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
        """As new: a forked process has this object, but neither its thread nor its callers."""
        self._mutex = threading.Lock()
        self._work = threading.Condition(self._mutex)
        self._waiting: deque[PendingAppend] = deque()
        self._waiting_bytes = 0
        self._taken: list[PendingAppend] = []
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._countersigner = SigningPool(self._helper)
        self._appender = BatchAppender(self._writer, self._countersigner)

    @property
    def waiting(self) -> int:
        """Requests that no transaction has taken yet."""
        return len(self._waiting)

    @property
    def is_closed(self) -> bool:
        """Whether it takes nothing more."""
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
        """Ask for events to be written, and go on; `receive` tells what became of them.

        Raises:
            QueueFullError: too much is waiting already, or the process is about to end.
        """
        request = PendingAppend(submissions)
        self._put(request)
        return request

    def receive(self, request: PendingAppend) -> list[Written]:
        """Wait for what was sent; errors as `write_events`. Once for each request."""
        if not request.wait(PATIENCE_SECONDS):
            self._give_up(request)
        written = request.result()
        self._writer.report(written)
        return written

    def close(self) -> None:
        """Take nothing more, and wait until what was taken is written."""
        with self._mutex:
            self._is_closed = True
            self._work.notify()
        deadline = time.monotonic() + CLOSING_SECONDS
        while (thread := self._thread) is not None and time.monotonic() < deadline:
            thread.join(deadline - time.monotonic())

    def _put(self, request: PendingAppend) -> None:
        with self._mutex:
            if self._is_closed:
                raise QueueFullError("the portal is stopping: nothing was taken; send it again")
            full = len(self._waiting) >= self._max_waiting
            if full or (self._waiting and self._waiting_bytes > MAX_WAITING_BYTES):
                raise QueueFullError(
                    f"the writer's queue is full ({len(self._waiting):,} requests): nothing was "
                    "taken; send it again"
                )
            if self._thread is None:
                self._start()  # where that fails, nothing was taken
            self._waiting.append(request)
            self._waiting_bytes += request.bytes
            self._work.notify()

    def _start(self) -> None:
        """Whoever calls holds the mutex, so the thread waits for it to find what there is to do."""
        thread = threading.Thread(target=self._run, name="appender", daemon=True)
        thread.start()
        self._thread = thread

    def _give_up(self, request: PendingAppend) -> None:
        """The caller's patience is at its end. What was not taken yet will not be."""
        with self._mutex:
            if request in self._waiting:
                self._waiting.remove(request)
                self._waiting_bytes -= request.bytes
                request.answer(QueueFullError("the ledger is busy: nothing was taken"))
        if not request.is_answered:
            raise LedgerUnavailableError(
                f"no answer within {PATIENCE_SECONDS:.0f} s; whether the events are in is unknown: "
                "send the same event_id again"
            )

    def _run(self) -> None:
        """The appender's thread, until nobody has asked for a while."""
        try:
            while self._await_work():
                self._append_once()
        finally:
            self._appender.tell()
            connections.close_all()
            self._countersigner.close()
            self._leave()

    def _await_work(self) -> bool:
        with self._mutex:
            if not self._waiting and not self._is_closed:
                self._work.wait(IDLE_SECONDS)
            return bool(self._waiting)

    def _leave(self) -> None:
        """The appender and its helper are one thread's at a time: who came while this one gave them
        back, or waits behind an error that stopped it, is served by the next."""
        with self._mutex:
            self._thread = None
            if self._waiting:
                self._start()

    def _append_once(self) -> None:
        try:
            self._appender.append(self._take)
        except Exception as error:
            # Nobody foresaw it, so each caller logs it with a request of its own.
            self._answer_all(error)
        except BaseException as error:
            self._answer_all(_abandoned(error))
            self._appender.tell()
            raise
        finally:
            self._put_back()
            if not self._waiting:
                self._appender.tell()

    def _answer_all(self, error: Exception) -> None:
        for request in self._take():
            request.answer(error)

    def _take(self) -> Sequence[PendingAppend]:
        """What goes into one transaction; asked again, the same."""
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
        """What did not fit into its transaction is the first to go into the next."""
        with self._mutex:
            for request in reversed(self._taken):
                if not request.is_answered:
                    self._waiting.appendleft(request)
                    self._waiting_bytes += request.bytes
            self._taken = []


def _abandoned(error: BaseException) -> LedgerUnavailableError:
    """For those whose transaction was stopped by an error that is nobody's request's fault."""
    return LedgerUnavailableError(
        f"writing was interrupted ({type(error).__name__}); whether the events are in is unknown: "
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
