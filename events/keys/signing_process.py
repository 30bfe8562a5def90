"""A helper process that signs for the append queue where there is a second processor.

Two signatures per event in the queue's own process would release and contend for the GIL, which
with 64 waiting callers costs more than the signatures (measured). The helper is optional: when it
is slow to start, dies or does not answer, its parent signs itself.

`python -m events.keys.signing_process FOLDER` reads orders from its standard input and writes pairs
of signatures to its standard output until the input ends. An order is a 4-byte length and a
marshalled list of `Order`; marshal is safe here, because both ends are this
program. An answer is a 4-byte length and the signatures, 128 bytes an order; an empty answer means
that one of the keys cannot sign.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from events.errors import LedgerError
from events.keys.backend import FileKeyBackend, Order, Pair, made_before, sign_pair

READY = b"r"
PAIR_BYTES = 128
ANSWER_SECONDS = 10.0
RESTART_SECONDS = 10.0
_LENGTH = struct.Struct(">I")
_ROOT = Path(__file__).resolve().parents[2]


class HelperLostError(LedgerError):
    """The helper has ended, does not answer, or cannot sign what it was given."""


class SigningProcess:
    """The parent's end. Not thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None
        self._is_ready = False
        self._started = -RESTART_SECONDS

    def is_ready(self) -> bool:
        """True if the helper accepts orders. Starts it when it is not running. Never blocks."""
        if self._child is None:
            if time.monotonic() - self._started >= RESTART_SECONDS:
                self._start()
        elif not self._is_ready and _readable(self._output, 0):
            self._is_ready = self._output.read(1) == READY
            if not self._is_ready:
                self.stop()
        return self._is_ready

    def send(self, orders: Sequence[Order]) -> None:
        """Send orders. Call `receive` for each call, in the same order and at most a few calls
        later: otherwise both pipes fill up and both sides block.

        Raises:
            HelperLostError: the helper has ended; it was stopped.
        """
        try:
            frame = marshal.dumps(list(orders))
            rest = memoryview(_LENGTH.pack(len(frame)) + frame)
            while rest:
                rest = rest[self._input.write(rest) :]
        except OSError as error:
            raise self._lost("does not accept requests") from error

    def has_answer(self) -> bool:
        """True if `receive` will not block."""
        return _readable(self._output, 0)

    def receive(self, count: int) -> list[Pair]:
        """The signatures of the oldest unanswered orders.

        Raises:
            HelperLostError: the helper has ended, does not answer, or cannot sign one of them; it
                was stopped.
        """
        answer = self._read(_LENGTH.unpack(self._read(_LENGTH.size))[0])
        if len(answer) != count * PAIR_BYTES:
            raise self._lost("cannot sign with one of the keys")
        return [
            (answer[place : place + 64], answer[place + 64 : place + PAIR_BYTES])
            for place in range(0, len(answer), PAIR_BYTES)
        ]

    def stop(self) -> None:
        """Kill the helper."""
        child, self._child, self._is_ready = self._child, None, False
        if child is not None:
            child.kill()
            child.communicate()

    def disown(self) -> None:
        """Forget the helper in a forked process: it belongs to the parent."""
        child, self._child = self._child, None
        if child is not None:
            child.returncode = 0  # prevents a wait and a ResourceWarning
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()

    def _start(self) -> None:
        self._started = time.monotonic()
        self._child = subprocess.Popen(
            [sys.executable, "-m", "events.keys.signing_process", str(self._folder.absolute())],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    @property
    def _input(self) -> BinaryIO:
        if self._child is None or self._child.stdin is None:
            raise self._lost("is not running")
        return self._child.stdin  # type: ignore[return-value]

    @property
    def _output(self) -> BinaryIO:
        if self._child is None or self._child.stdout is None:
            raise self._lost("is not running")
        return self._child.stdout  # type: ignore[return-value]

    def _read(self, count: int) -> bytes:
        pieces = b""
        while len(pieces) < count:
            if not _readable(self._output, ANSWER_SECONDS):
                raise self._lost("does not answer")
            piece = self._output.read(count - len(pieces))
            if not piece:
                raise self._lost("has ended")
            pieces += piece
        return pieces

    def _lost(self, why: str) -> HelperLostError:
        self.stop()
        return HelperLostError(f"the signing helper {why}")


def _readable(pipe: BinaryIO, seconds: float) -> bool:
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    return bool(poll.poll(int(seconds * 1000)))


def serve(folder: Path, orders: BinaryIO, answers: BinaryIO) -> None:
    """The child's end."""
    backend = FileKeyBackend(folder)
    answers.write(READY)
    while header := orders.read(_LENGTH.size):
        frame = marshal.loads(orders.read(_LENGTH.unpack(header)[0]))  # noqa: S302 - our parent's
        answer = _signed(backend, frame)
        answers.write(_LENGTH.pack(len(answer)) + answer)


def _signed(backend: FileKeyBackend, orders: list[Order]) -> bytes:
    try:
        pairs = [
            sign_pair(
                backend.signer(agent) if isinstance(agent, str) else made_before(agent),
                backend.signer(witness_id),
                signable,
            )
            for agent, witness_id, signable in orders
        ]
    except LedgerError:
        return b""
    return b"".join(part for pair in pairs for part in pair)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent drains its queue, then ends us
    with suppress(BrokenPipeError):  # the parent ended first
        serve(
            Path(sys.argv[1]),
            os.fdopen(0, "rb", buffering=2**16),
            os.fdopen(1, "wb", buffering=0),
        )
