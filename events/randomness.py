"""Random bytes for salts and ids, drawn from the system in large pieces.

It must never give the same bytes twice, also not in a forked process. A system call for each event
lets go of the interpreter's lock, and with many threads waiting for it that costs more than the
event's hashes.
"""

from __future__ import annotations

import os
from collections import deque

PIECE = 32
_DRAWN = 256

_pool: deque[bytes] = deque()


def random_piece() -> bytes:
    """32 random bytes. Threads may call it at once: a deque gives each item to one of them."""
    while True:
        try:
            return _pool.popleft()
        except IndexError:
            drawn = os.urandom(PIECE * _DRAWN)
            _pool.extend(drawn[place : place + PIECE] for place in range(0, len(drawn), PIECE))


os.register_at_fork(after_in_child=_pool.clear)
