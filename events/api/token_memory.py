"""Remembers for a moment whose a token is, so that a stream of requests costs few look-ups.

It must never hold a token in clear, nor take one whose time is over: expiry is looked at on every
request. A token that is revoked elsewhere is refused `TRUST_SECONDS` later at most.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from events.models import ApiToken

FRESH_SECONDS = 1.0
"""After this, the first request that comes looks again; the others do not wait for it."""

TRUST_SECONDS = 3.0
"""After this, nobody is let in without another look, however slow the database is to answer the
one that is under way."""

MAX_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class _Remembered:
    user: Any
    token: ApiToken
    seen_at: float
    renewal: threading.Lock = field(default_factory=threading.Lock)

    def may_serve(self, now: float) -> bool:
        """Fresh, or trusted still while another request looks again."""
        age = now - self.seen_at
        return age < FRESH_SECONDS or (age < TRUST_SECONDS and not self.renewal.acquire(False))


class TokenMemory:
    """The tokens that one process was shown lately, by digest."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._remembered: dict[bytes, _Remembered] = {}
        self._forgotten = 0

    def find(self, token: bytes, look_up: Callable[[bytes], Any]) -> tuple[Any, ApiToken]:
        """The user and the token, as remembered or as `look_up` finds them now.

        Whatever `look_up` raises passes; what was remembered is forgotten then.
        """
        digest = hashlib.sha256(token).digest()
        known = self._remembered.get(digest)
        if known is not None and known.may_serve(self._clock()):
            return known.user, known.token
        asked_at = self._clock()  # before the look: what changes during it is not trusted longer
        forgotten = self._forgotten
        try:
            user, found = look_up(token)
        except Exception:
            self._remembered.pop(digest, None)
            raise
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        if forgotten == self._forgotten:  # else a look from before the revocation would outlive it
            self._remembered[digest] = _Remembered(user, found, asked_at)
        return user, found

    def forget_all(self, **_: Any) -> None:
        """Look again at everybody; a signal's receiver."""
        self._forgotten += 1
        self._remembered.clear()
