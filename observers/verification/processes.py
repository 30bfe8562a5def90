"""Verifies ranges in child processes of this machine, one range per worker at a time.

Invariant: no partial result is used: a worker that ends early raises an error and stops the others.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from events.errors import LedgerError

if TYPE_CHECKING:  # a worker imports these when it has set Django up
    from multiprocessing.context import SpawnProcess

    from observers.verification.keyring import Keyring
    from observers.verification.parts import PartialReport

Bounds = tuple[int, int]
Counted = Callable[[int], None]
"""Told how many more events were verified, by whatever worker."""

STEP = 1_000
"""Events between two words of a worker about how far it is."""

PATIENCE_SECONDS = 10.0


class WorkerEndedError(LedgerError):
    """A worker process ended unexpectedly."""


@dataclass(frozen=True, slots=True)
class Task:
    """The settings that every worker needs, for any range. `place` is the database's address."""

    using: str
    place: dict[str, Any]
    keys: Keyring
    signatures: bool


class _Worker:
    """One process and the range assigned to it."""

    def __init__(self, task: Task) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, far_end = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(far_end, task))
        self.process.daemon = True
        self.process.start()
        far_end.close()  # so that its end is seen here when the process ends
        self.bounds: Bounds = (0, 0)
        self.number = 0

    def begin(self, number: int, bounds: Bounds) -> None:
        self.number, self.bounds = number, bounds
        with suppress(OSError):  # that it has ended is found when it is listened to
            self.pipe.send(bounds)

    def receive(self) -> Any:
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            raise WorkerEndedError(self._how_it_ended()) from None

    def end(self) -> None:
        self.process.terminate()
        self.process.join(PATIENCE_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()

    def _how_it_ended(self) -> str:
        self.process.join(PATIENCE_SECONDS)
        code = self.process.exitcode
        how = f"was ended by {signal.Signals(-code).name}" if code and code < 0 else "ended"
        start, end = self.bounds
        return (
            f"worker {self.process.pid} {how} while it verified {start} to {end}; "
            "about the ledger this says nothing"
        )


def verify_in_processes(
    ranges: Iterator[Bounds], task: Task, *, workers: int, progress: Counted
) -> Generator[PartialReport]:
    """The parts of `ranges`, in their order.

    Raises:
        WorkerEndedError: a worker was killed, or failed.
        LedgerError: a worker says so, for instance that the database went away.
    """
    numbered = enumerate(ranges)
    crew: list[_Worker] = []
    finished: dict[int, PartialReport] = {}
    following = 0
    try:
        for number, bounds in numbered:
            crew.append(_Worker(task))
            crew[-1].begin(number, bounds)
            if len(crew) == workers:
                break
        busy = {worker.pipe: worker for worker in crew}
        while busy:
            for number, part in _listen(busy, numbered, progress):
                finished[number] = part
            while following in finished:
                yield finished.pop(following)
                following += 1
    finally:
        for worker in crew:
            worker.end()


def _listen(
    busy: dict[Connection, _Worker], numbered: Iterator[tuple[int, Bounds]], progress: Counted
) -> Iterator[tuple[int, PartialReport]]:
    """Waits for results, and assigns the next range to each worker that finished one."""
    for ready in wait(list(busy)):
        worker = busy[ready]  # type: ignore[index]
        said = worker.receive()
        if isinstance(said, LedgerError):
            raise said
        if isinstance(said, int):
            progress(said)
            continue
        yield worker.number, said
        another = next(numbered, None)
        if another is None:
            del busy[worker.pipe]
        else:
            worker.begin(*another)


def _serve(pipe: Connection, task: Task) -> None:
    """Runs in the worker process: verifies assigned ranges until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who asked; that one ends us
    import django

    django.setup()
    from django.db import connections

    connections[task.using].settings_dict.update(task.place)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # who asked is gone
        while True:
            bounds = pipe.recv()
            pipe.send(_verify(pipe, task, *bounds))


def _verify(pipe: Connection, task: Task, start: int, end: int) -> PartialReport | LedgerError:
    from observers.verification.ledger import verify_part

    pending = 0

    def count(sequence: int) -> None:
        nonlocal pending
        pending += 1
        if pending == STEP:
            pipe.send(pending)
            pending = 0

    try:
        part = verify_part(
            task.using, task.keys, start, end, progress=count, signatures=task.signatures
        )
    except LedgerError as error:
        return error
    if pending:
        pipe.send(pending)
    return part
