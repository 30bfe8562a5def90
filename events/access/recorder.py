"""Writes access-log entries from a background thread, in batches.

Invariant: no entry is dropped while the process lives. If the database is unavailable, entries wait
in a bounded queue; when it is full, reads are refused. A killed process loses what it had queued:
usually the last fifth of a second.
"""

from __future__ import annotations

import atexit
import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache
from multiprocessing import util

import structlog
from django.db import connections

from events.store import access_log
from events.store.access_log import Access, insert, note_uses
from events.store.connection import LedgerUnavailableError

log = structlog.get_logger(__name__)

CAPACITY = 10_000
"""Maximum number of queued entries: about 5 MB."""

BATCH = 500
LINGER = 0.1
"""Seconds that the first entry of a batch waits for others."""

PATIENCE = 1.0
"""Seconds that a reader waits for room in the queue."""

IDLE = 5.0
"""Seconds without entries after which the connection is closed."""

LAST_CHANCE = 5.0
"""Seconds that an exiting process may take to write its queue."""

PAUSES = (0.0, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each retry of a failed batch. The first is for a connection that
a restarted database has closed."""


class AccessLogFullError(LedgerUnavailableError):
    """Reads are refused because they cannot be recorded now."""


Use = tuple[str, datetime]
Refusals = Counter[str]
"""Number of refusals by kind of problem."""


class Recorder:
    """One queue and one thread a process."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._waiting: queue.Queue[Access | Use | Refusals | None] = queue.Queue(capacity)
        self._refusals, self._are_refusals_queued = Refusals(), False
        self._counting = threading.Lock()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def record(self, entry: Access) -> None:
        """Queue an entry.

        Raises:
            AccessLogFullError: there was no room for it within `PATIENCE`.
        """
        self._ensure_thread()
        try:
            self._waiting.put(entry, timeout=PATIENCE)
        except queue.Full:
            log.error("access_log_full", waiting=self._waiting.qsize())
            raise AccessLogFullError(
                "the access log cannot be written, so nothing may be read"
            ) from None

    def note_use(self, token_key: str, moment: datetime) -> None:
        """Record that a token was used; skipped if the queue is full, because the next use records
        it.
        """
        self._ensure_thread()
        try:
            self._waiting.put_nowait((token_key, moment))
        except queue.Full:
            log.warning("token_use_not_noted", token_key=token_key)

    def count_refusal(self, problem: str) -> None:
        """Count a refusal.

        Those counted before the thread runs share one queue item; if the queue is full they wait
        for the next.
        """
        self._ensure_thread()
        with self._counting:
            self._refusals[problem] += 1
            if not self._are_refusals_queued:
                with suppress(queue.Full):
                    self._waiting.put_nowait(self._refusals)
                    self._are_refusals_queued = True

    def flush(self, seconds: float = LAST_CHANCE) -> bool:
        """Wait until the queue is empty; False on timeout."""
        deadline = time.monotonic() + seconds
        if self._waiting.unfinished_tasks:
            with suppress(queue.Full):
                self._waiting.put_nowait(None)  # the batch that lingers is written now
        with self._waiting.all_tasks_done:
            while self._waiting.unfinished_tasks:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._waiting.all_tasks_done.wait(left)
        return True

    def _ensure_thread(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        with self._start:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="access-log", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            taken = self._next_batch()
            batch = [item for item in taken if item is not None and not isinstance(item, Counter)]
            if batch:
                _write_with_retries(batch)
            if any(isinstance(item, Counter) for item in taken):
                self._write_refusals()
            for _ in taken:
                self._waiting.task_done()

    def _write_refusals(self) -> None:
        """Write the counts; those that fail are added to the next."""
        with self._counting:
            counts, self._refusals, self._are_refusals_queued = self._refusals, Refusals(), False
        try:
            access_log.add("default", counts)
        except Exception as error:  # a count is not worth keeping entries waiting for
            connections.close_all()
            log.warning("refusals_not_counted", reason=str(error))
            with self._counting:
                self._refusals.update(counts)

    def _next_batch(self) -> list[Access | Use | Refusals | None]:
        """Return the queued items up to the first None, whose sender waits for those before it."""
        try:
            batch = [self._waiting.get(timeout=IDLE)]
        except queue.Empty:
            connections.close_all()
            batch = [self._waiting.get()]
        deadline = time.monotonic() + LINGER
        while len(batch) < BATCH and batch[-1] is not None:
            try:
                batch.append(self._waiting.get(timeout=max(0, deadline - time.monotonic())))
            except queue.Empty:
                break
        return batch


def _write_with_retries(batch: Sequence[Access | Use]) -> None:
    """Write a batch, retrying until it succeeds."""
    tried = 0
    while True:
        try:
            _write(batch)
        except Exception as error:  # whatever it is, the entries stay
            connections.close_all()
            if tried:
                log.error("access_log_not_written", waiting=len(batch), reason=str(error))
            time.sleep(PAUSES[min(tried, len(PAUSES) - 1)])
            tried += 1
        else:
            return


def _write(batch: Sequence[Access | Use]) -> None:
    """Write a batch, token uses first: repeating them after a failure changes nothing."""
    uses = [item for item in batch if not isinstance(item, Access)]
    entries = [item for item in batch if isinstance(item, Access)]
    if uses:
        note_uses("default", uses)
    if entries:
        insert("default", entries)


@cache
def _of_process(pid: int) -> Recorder:
    made = Recorder()
    atexit.register(_flush_at_end, made)
    util.Finalize(made, _flush_at_end, args=(made,), exitpriority=100)  # a worker has no atexit
    return made


def _flush_at_end(recorder: Recorder) -> None:
    if not recorder.flush():
        log.error("access_log_lost", reason="the process ended before the database took it")


def recorder() -> Recorder:
    """Return the recorder of this process; a fork starts with an empty one."""
    return _of_process(os.getpid())
