"""Signs events in small batches, in a helper process where that is faster.

Invariant: no event is lost or reordered. What the helper fails to sign is signed in this process.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from itertools import islice

import structlog

from events.append.chain import UnsignedEvent
from events.format.event import Event
from events.keys.signing_process import HelperLostError, SigningProcess

PIECE = 8
"""Events per batch. PostgreSQL receives one batch while the next is signed."""

AHEAD = 2
"""Batches at the helper at once; others are signed in this process meanwhile. Two answers fit into
a pipe buffer, so that neither side can block."""

WORTH_HELP = 4
"""Fewer events than this are signed faster in this process."""

log = structlog.get_logger(__name__)


class SigningPool:
    """Signs for one thread; not thread-safe."""

    def __init__(self, helper: SigningProcess | None = None) -> None:
        """Use `helper` only where there is more than one processor."""
        self._helper = helper if (os.cpu_count() or 1) > 1 else None

    def sign(self, placed: Iterator[UnsignedEvent], expected: int) -> Generator[list[Event]]:
        """Yield the events in order, in batches, each as soon as it is signed.

        `expected` is roughly how many there are. Best run while the other threads of the process
        sleep: signing releases the GIL and would then contend for it. A caller that stops early
        closes the generator.
        """
        pieces = iter(lambda: list(islice(placed, PIECE)), [])
        if self._helper is not None and expected >= WORTH_HELP and self._helper.is_ready():
            yield from _with_help(_Shared(self._helper), pieces, expected)
        yield from map(_signed_here, pieces)

    def close(self) -> None:
        """Stop the helper."""
        if self._helper is not None:
            self._helper.stop()


def _with_help(
    shared: _Shared, pieces: Iterator[list[UnsignedEvent]], expected: int
) -> Iterator[list[Event]]:
    """Share batches with the helper. When it is lost, its batches are signed in this process."""
    at_helper = AHEAD if expected > 4 * PIECE else 1
    try:
        for piece in pieces:
            if shared.at_helper < at_helper:
                shared.give(piece)
            else:
                shared.sign_here(piece)
            yield from shared.ready()
        while shared.under_way:
            yield shared.wait_for_one()
    except HelperLostError as error:
        log.warning("signing_helper_lost", reason=str(error))
        yield from (events or _signed_here(piece) for piece, events in shared.under_way)
    except BaseException:
        shared.drain()
        raise


class _Shared:
    """Batches in flight, in order: some at the helper, some already signed in this process."""

    def __init__(self, helper: SigningProcess) -> None:
        self._helper = helper
        self.under_way: deque[tuple[list[UnsignedEvent], list[Event] | None]] = deque()
        self.at_helper = 0

    def give(self, piece: list[UnsignedEvent]) -> None:
        """Send a batch to the helper."""
        self.under_way.append((piece, None))
        self._helper.send([placed.order for placed in piece])
        self.at_helper += 1

    def sign_here(self, piece: list[UnsignedEvent]) -> None:
        """Sign a batch in this process while the helper signs others."""
        self.under_way.append((piece, _signed_here(piece)))

    def ready(self) -> Iterator[list[Event]]:
        """Yield the oldest batches as far as they are signed."""
        while self.under_way and (self.under_way[0][1] or self._helper.has_answer()):
            yield self.wait_for_one()

    def wait_for_one(self) -> list[Event]:
        """Return the oldest batch. It stays in flight until it is signed."""
        piece, events = self.under_way[0]
        if events is None:
            pairs = self._helper.receive(len(piece))
            self.at_helper -= 1
            events = [placed.signed(pair) for placed, pair in zip(piece, pairs, strict=True)]
        self.under_way.popleft()
        return events

    def drain(self) -> None:
        """Discard outstanding answers after an abandoned append, so that the next append does not
        read them as its own."""
        with suppress(HelperLostError):
            for piece, events in self.under_way:
                if events is None:
                    self._helper.receive(len(piece))


def _signed_here(piece: list[UnsignedEvent]) -> list[Event]:
    return [placed.signed_here() for placed in piece]
