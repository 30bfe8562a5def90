"""How many bodies of one agent a server process waits for at once: each holds one of its threads
until it has arrived, and nothing ends a body that is sent drop by drop.

It must never refuse one whose bodies arrive: a place that is taken is waited for a moment.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from events.api.problems import RETRY_SECONDS, TOO_MANY_REQUESTS, Refused

PATIENCE_SECONDS = 0.25


class Arrivals:
    """Places for bodies under way, `most` for each agent."""

    def __init__(self, most: int, patience: float = PATIENCE_SECONDS) -> None:
        self._most, self._patience = most, patience
        self._held: Counter[str | None] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def place(self, agent_id: str | None) -> Iterator[None]:
        """Hold a place while a body is read.

        Raises:
            Refused: all places of this agent are held by bodies that do not arrive.
        """
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._held[agent_id] < self._most, self._patience
            ):
                raise Refused(
                    TOO_MANY_REQUESTS,
                    f"{self._most} bodies of this agent are under way and do not arrive",
                    headers={"Retry-After": str(RETRY_SECONDS)},
                )
            self._held[agent_id] += 1
        try:
            yield
        finally:
            with self._changed:
                self._held[agent_id] -= 1
                if not self._held[agent_id]:
                    del self._held[agent_id]
                self._changed.notify_all()


arrivals = Arrivals(max(1, settings.PORTAL_THREADS // 2))
"""Half of the threads, so that the other half goes on answering."""
