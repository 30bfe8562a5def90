"""How many bodies of writers a server process waits for at once: each holds one of its threads
until it has arrived and been read.

It must never refuse one whose bodies arrive: a place that is taken is waited for a moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from events.access.places import Places
from events.api.problems import BUSY, RETRY_SECONDS, TOO_MANY_REQUESTS, Refused

PATIENCE_SECONDS = 0.25


class Arrivals:
    """Places for `most` bodies under way. One agent alone gets half of them, and an agent that has
    none under way gets one as long as there is any."""

    def __init__(self, most: int, patience: float = PATIENCE_SECONDS, waiters: int = 0) -> None:
        self._places, self._patience = Places(most, waiters=waiters), patience

    @contextmanager
    def place(self, agent_id: str | None) -> Iterator[None]:
        """Hold a place while a body is read.

        Raises:
            Refused: the places are held by bodies that do not arrive.
        """
        if not self._places.take(agent_id, self._patience):
            raise self._refusal(agent_id)
        try:
            yield
        finally:
            self._places.leave(agent_id)

    def _refusal(self, agent_id: str | None) -> Refused:
        headers = {"Retry-After": str(RETRY_SECONDS)}
        own = self._places.held_by(agent_id)
        if own:
            bodies = "body" if own == 1 else "bodies"
            why = f"{own} {bodies} of this agent under way did not arrive yet"
            return Refused(TOO_MANY_REQUESTS, why, headers=headers)
        return Refused(BUSY, "too many bodies are under way; send it again", headers=headers)


arrivals = Arrivals(3 * settings.PORTAL_THREADS // 8, waiters=settings.PORTAL_THREADS // 16)
"""Three eighths of the threads: with those that the gate gives away (`auditportal.gate`), a quarter
stays for what is written and what is asked of `/healthz`."""
