"""Signs placed events piece by piece, in a helper process where that is faster.

It must never lose or reorder an event: what the helper does not sign is signed here.
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
"""Events signed and sent at a time: PostgreSQL takes one piece in while the next is signed."""

AHEAD = 2
"""Pieces at the helper at once; others are signed here meanwhile. Their answers fit into a pipe, so
that neither side can block."""

WORTH_HELP = 4
"""Fewer events are signed sooner here than the helper is asked."""

log = structlog.get_logger(__name__)


class SigningPool:
    """Used by one thread."""

    def __init__(self, helper: SigningProcess | None = None) -> None:
        """`helper` is asked where there are processors for two."""
        self._helper = helper if (os.cpu_count() or 1) > 1 else None

    def sign(self, placed: Iterator[UnsignedEvent], expected: int) -> Generator[list[Event]]:
        """The events in order, in pieces, each as soon as it is signed.

        `expected` says about how many there are. Best asked for while the other threads of this
        process sleep: signing lets go of the interpreter's lock, and would have to fight for it.
        Whoever stops before the end closes the generator.
        """
        pieces = iter(lambda: list(islice(placed, PIECE)), [])
        if self._helper is not None and expected >= WORTH_HELP and self._helper.is_ready():
            yield from _with_help(_Shared(self._helper), pieces, expected)
        yield from map(_signed_here, pieces)

    def close(self) -> None:
        """End the helper."""
        if self._helper is not None:
            self._helper.stop()


def _with_help(
    shared: _Shared, pieces: Iterator[list[UnsignedEvent]], expected: int
) -> Iterator[list[Event]]:
    """Pieces as long as the helper lives; those it had are signed here when it does not."""
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
    """Pieces under way in their order: some are at the helper, some were signed here beside it."""

    def __init__(self, helper: SigningProcess) -> None:
        self._helper = helper
        self.under_way: deque[tuple[list[UnsignedEvent], list[Event] | None]] = deque()
        self.at_helper = 0

    def give(self, piece: list[UnsignedEvent]) -> None:
        """Have the helper sign it."""
        self.under_way.append((piece, None))
        self._helper.send([(p.signer.key_id, p.attestor.witness_id, p.signable) for p in piece])
        self.at_helper += 1

    def sign_here(self, piece: list[UnsignedEvent]) -> None:
        """Sign it while the helper signs others."""
        self.under_way.append((piece, _signed_here(piece)))

    def ready(self) -> Iterator[list[Event]]:
        """The oldest pieces that are signed."""
        while self.under_way and (self.under_way[0][1] or self._helper.has_answer()):
            yield self.wait_for_one()

    def wait_for_one(self) -> list[Event]:
        """The oldest piece. It stays under way until it is signed."""
        piece, events = self.under_way[0]
        if events is None:
            pairs = self._helper.receive(len(piece))
            self.at_helper -= 1
            events = [placed.signed(pair) for placed, pair in zip(piece, pairs, strict=True)]
        self.under_way.popleft()
        return events

    def drain(self) -> None:
        """The append was abandoned: what the helper still answers must not be taken for the next
        one's."""
        with suppress(HelperLostError):
            for piece, events in self.under_way:
                if events is None:
                    self._helper.receive(len(piece))


def _signed_here(piece: list[UnsignedEvent]) -> list[Event]:
    return [placed.signed_here() for placed in piece]
