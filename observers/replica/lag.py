"""How far the replica is behind, for those who decide by it and those who are told.

It must never fail because the primary is away: then nobody knows, and the replica is all there is.
"""

from __future__ import annotations

from dataclasses import dataclass

from events.store.connection import LedgerUnavailableError
from events.store.status import Replayed, read_lacking, read_replayed

PRIMARY = "default"


@dataclass(frozen=True, slots=True)
class Lag:
    """A replica's standing; what only the primary knows is None while that does not answer."""

    replayed: Replayed
    primary_head: int | None
    seconds: float | None

    @property
    def events(self) -> int | None:
        """Numbers that the replica does not show yet."""
        if self.primary_head is None:
            return None
        return max(self.primary_head - self.replayed.head_sequence, 0)

    def as_dict(self) -> dict[str, object]:
        """As the member `replica` of an answer."""
        return {
            "replayed_lsn": self.replayed.lsn,
            "lag_seconds": self.seconds,
            "primary_head_sequence": self.primary_head,
        }


def read_lag(using: str) -> Lag:
    """The lag of the server behind a connection. One that is no standby, such as a replica that
    was promoted by mistake, lags as well when it lacks appends.

    It is asked before the primary, so an append in between makes the lag larger, never smaller.
    """
    replayed = read_replayed(using)
    try:
        lacking = read_lacking(PRIMARY, replayed.head_sequence)
    except LedgerUnavailableError:
        return Lag(replayed, None, None)
    return Lag(replayed, lacking.head_sequence, lacking.seconds)
