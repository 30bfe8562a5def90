"""The process that measures one peer: threads in a closed loop, and their latencies.

Only what happens after the threads' common start is timed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench import peers
from bench.play import Happening, play, retell
from bench.proc import seconds_below

MATERIAL = 20_000
WARM_UP = 8
"""Calls of one event a thread makes first: psycopg prepares a statement at its sixth."""


@dataclass(frozen=True)
class Order:
    """One measurement of one peer in one process."""

    callers: int
    per_call: int
    seconds: float


@dataclass
class Taken:
    """Results of the threads. `ended` is on the monotonic clock; `python` and `postgres` are
    processor seconds."""

    events: int = 0
    began: float = 0.0
    ended: float = 0.0
    python: float = 0.0
    postgres: float = 0.0
    latencies: list[float] = field(default_factory=list)
    own_time: float | None = None
    """Seconds that count, of a peer that says so itself."""


class _Crew:
    """The threads of one measurement."""

    def __init__(self, peer: peers.Peer, order: Order, material: Sequence[Happening]) -> None:
        self.peer, self.order, self.material = peer, order, material
        self.ready, self.go = threading.Barrier(order.callers + 1), threading.Event()
        self.taken, self.acknowledged = Taken(), 0
        self.failure: Exception | None = None
        self._mutex = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(order.callers)]

    def _run(self, number: int) -> None:
        try:
            with self.peer.caller() as write:
                self._loop(write, number)
        except Exception as error:
            self.failure = error
            self.ready.abort()

    def _loop(self, write: peers.Write, number: int) -> None:
        size = self.order.per_call
        warm_up = WARM_UP if size == 1 else 1
        place = number * 997
        for _ in range(warm_up):
            write(self._some(place))
        self.ready.wait()
        self.go.wait()
        deadline = self.taken.began + self.order.seconds
        latencies: list[float] = []
        own = 0.0
        counts_itself = False
        ended = time.monotonic()
        while ended < deadline:
            place += size
            began = time.monotonic()
            spent = write(self._some(place))
            ended = time.monotonic()
            if spent is not None:
                own, counts_itself = own + spent, True
            latencies.append(ended - began if spent is None else spent)
        with self._mutex:
            self.acknowledged += (len(latencies) + warm_up) * size
            self.taken.events += len(latencies) * size
            self.taken.latencies += latencies
            self.taken.ended = max(self.taken.ended, ended)
            if counts_itself:
                self.taken.own_time = (self.taken.own_time or 0.0) + own

    def _some(self, place: int) -> Sequence[Happening]:
        start = place % (len(self.material) - self.order.per_call)
        return self.material[start : start + self.order.per_call]


def serve(
    pipe: Connection, name: str, dsn: dict[str, str], postgres: int, log: Path | None
) -> None:
    """Execute orders until None arrives; `postgres` is the postmaster, `log` the optional log."""
    try:
        peer = peers.load(name, dsn)
        peer.install()
        pipe.send(("installed", None))
        material = list(retell(log, MATERIAL) if log else play(MATERIAL))
        while (order := pipe.recv()) is not None:
            pipe.send(("answer", _answer(pipe, peer, order, material, os.getpid(), postgres)))
    except peers.LeftOut as reason:
        pipe.send(("left out", str(reason)))
    except (Exception, SystemExit) as error:
        pipe.send(("failed", f"{type(error).__name__}: {error}"))


def _answer(
    pipe: Connection,
    peer: peers.Peer,
    order: Any,
    material: Sequence[Happening],
    python: int,
    postgres: int,
) -> Any:
    if order == "rows":
        return peer.rows()
    with peer.opened(order.callers):
        crew = _Crew(peer, order, material)
        for thread in crew.threads:
            thread.start()
        try:
            crew.ready.wait()
        except threading.BrokenBarrierError:
            raise crew.failure or RuntimeError("a caller did not start") from None
        pipe.send(("ready", None))
        pipe.recv()
        before = seconds_below(python), seconds_below(postgres)
        crew.taken.began = time.monotonic()
        crew.go.set()
        for thread in crew.threads:
            thread.join()
        if crew.failure:
            raise crew.failure
        crew.taken.python = seconds_below(python) - before[0]
        crew.taken.postgres = seconds_below(postgres) - before[1]
    return crew.taken, crew.acknowledged
