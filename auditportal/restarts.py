"""When what died is started again, and when it is given up. It must never start or stop anything:
it counts."""

from __future__ import annotations

from dataclasses import dataclass

STEADY_SECONDS = 20.0
"""What has run for so long does not die of being started."""


@dataclass
class Restarts:
    """The deaths in a row of one process. Every `now` is of one monotonic clock, in seconds."""

    pauses: tuple[float, ...]
    """Seconds before it is started after the first death, the second, …; the last repeats."""
    most: int | None = None
    """Deaths in a row after which it is given up; None: never."""
    in_a_row: int = 0
    _since: float = 0.0
    _due: float | None = None

    @property
    def is_down(self) -> bool:
        """Whether it died and was not started since."""
        return self._due is not None

    @property
    def is_given_up(self) -> bool:
        return self.most is not None and self.in_a_row > self.most

    def started(self, now: float) -> None:
        """It runs."""
        self._since, self._due = now, None

    def died(self, now: float) -> None:
        """It ended, or it could not be started."""
        steady = not self.is_down and now - self._since >= STEADY_SECONDS
        self.in_a_row = 1 if steady else self.in_a_row + 1
        self._due = now + self.pauses[min(self.in_a_row, len(self.pauses)) - 1]

    def is_due(self, now: float) -> bool:
        """Whether it is down, and time to start it."""
        return self._due is not None and now >= self._due
