"""Signs placed events piece by piece, in a helper process where that is faster.

It must never lose or reorder an event: what the helper does not sign is signed here.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from itertools import islice

import structlog

from events.event import Event
from events.keys.pairs import sign_pair
from events.keys.signing_process import HelperLostError, SigningProcess
from events.sealing import Placed

PIECE = 16
"""Events signed and sent at a time: PostgreSQL takes one piece in while the next is signed."""

AHEAD = 4
"""Pieces at the helper at once. Their answers fit into a pipe, so that neither side can block."""

WORTH_HELP = 4
"""Fewer events are signed sooner here than the helper is asked."""

log = structlog.get_logger(__name__)


class Countersigner:
    """Used by one thread."""

    def __init__(self, helper: SigningProcess | None = None) -> None:
        """`helper` is asked where there are processors for two."""
        self._helper = helper if (os.cpu_count() or 1) > 1 else None

    def sign(
        self, placed: Iterator[Placed], expected: int, *, before_waiting: Callable[[], None]
    ) -> Generator[list[Event]]:
        """The events in order, in pieces, each as soon as it is signed.

        `expected` says about how many there are. `before_waiting` is called when the first of them
        are about to be signed. Whoever stops before the end closes the generator.
        """
        pieces = iter(lambda: list(islice(placed, PIECE)), [])
        if self._helper is not None and expected >= WORTH_HELP and self._helper.is_ready():
            yield from self._with_help(self._helper, pieces, before_waiting)
        before_waiting()
        yield from map(_signed_here, pieces)

    def close(self) -> None:
        """End the helper."""
        if self._helper is not None:
            self._helper.stop()

    def _with_help(
        self,
        helper: SigningProcess,
        pieces: Iterator[list[Placed]],
        before_waiting: Callable[[], None],
    ) -> Iterator[list[Event]]:
        """Pieces as long as the helper lives; the last ones are signed here when it does not."""
        under_way: deque[list[Placed]] = deque()
        try:
            for piece in pieces:
                under_way.append(piece)
                helper.send([(p.signer.key_id, p.attestor.witness_id, p.signable) for p in piece])
                if len(under_way) == AHEAD:
                    before_waiting()
                    yield _received(helper, under_way)
            before_waiting()
            while under_way:
                yield _received(helper, under_way)
        except HelperLostError as error:
            log.warning("signing_helper_lost", reason=str(error))
            yield from map(_signed_here, under_way)
        except GeneratorExit:
            # The append was abandoned: what is still to be answered must not be taken for the next.
            with suppress(HelperLostError):
                for piece in under_way:
                    helper.receive(len(piece))
            raise


def _received(helper: SigningProcess, under_way: deque[list[Placed]]) -> list[Event]:
    """The oldest piece. It stays under way until its answer is there."""
    pairs = helper.receive(len(under_way[0]))
    return [placed.signed(pair) for placed, pair in zip(under_way.popleft(), pairs, strict=True)]


def _signed_here(piece: list[Placed]) -> list[Event]:
    return [p.signed(sign_pair(p.signer.sign, p.attestor.sign, p.signable)) for p in piece]
