"""Scans ranges in worker processes of this machine, in parallel.

Invariants: no partial result is used: a worker that ends early raises an error and stops the
others. Nothing here imports Django at module level: a worker imports this module before it sets
Django up.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any

from events.errors import LedgerError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from observers.verification.keyring import Keyring
    from observers.verification.partial_report import PartialReport

Bounds = tuple[int, int]

AHEAD = 2
"""Ranges submitted for each worker: the one it scans and the next one."""


class WorkerEndedError(LedgerError):
    """A worker process ended unexpectedly."""


@dataclass(frozen=True, slots=True)
class Task:
    """The settings that every worker needs, for any range. `place` is the database's address."""

    using: str
    place: dict[str, Any]
    keys: Keyring
    signatures: bool


def scan_in_processes(
    ranges: Iterable[Bounds], task: Task, *, workers: int
) -> Generator[PartialReport]:
    """Yields the parts of `ranges`, in their order.

    Raises:
        WorkerEndedError: a worker was killed.
        LedgerError: a worker raised it, for instance because the database went away.
    """
    others = set(multiprocessing.active_children())
    crew: set[BaseProcess] = set()
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _set_up, (task,))
    pending: deque[tuple[Bounds, Future[PartialReport]]] = deque()
    try:
        for bounds in ranges:
            pending.append((bounds, pool.submit(_scan, *bounds)))
            crew |= set(multiprocessing.active_children()) - others
            if len(pending) == AHEAD * workers:
                yield pending[0][1].result()
                pending.popleft()
        while pending:
            yield pending[0][1].result()
            pending.popleft()
    except BrokenProcessPool:
        pool.shutdown()
        (start, _), (_, end) = pending[0][0], pending[-1][0]
        raise WorkerEndedError(
            f"{_how_it_ended(crew)} while it verified a part of {start} to {end}; about the ledger "
            "this says nothing"
        ) from None
    finally:
        for process in crew:
            process.terminate()
        pool.shutdown(cancel_futures=True)


def _how_it_ended(crew: Iterable[BaseProcess]) -> str:
    """Describes the end of the worker that broke the pool, which ends the others by SIGTERM."""
    ended = min(crew, key=lambda process: process.exitcode == -signal.SIGTERM)
    code = ended.exitcode or 0
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else "ended"
    return f"worker {ended.pid} {how}"


_task: Task
"""The task of this worker process."""


def _set_up(task: Task) -> None:
    """Prepares a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent, which ends us
    Thread(target=_end_with_parent, daemon=True).start()
    import django

    django.setup()
    from django.db import connections

    connections[task.using].settings_dict.update(task.place)
    global _task
    _task = task


def _end_with_parent() -> None:
    """Ends this process with its parent: the pool's workers wait for work on a pipe that they hold
    open themselves, so a killed parent would leave them behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _scan(start: int, end: int) -> PartialReport:
    from observers.verification.ledger import scan

    return scan(_task.using, _task.keys, start, end, signatures=_task.signatures)
