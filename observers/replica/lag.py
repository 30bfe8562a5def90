"""Measures how far the replica is behind. Works without the primary; its figures are then None."""

from __future__ import annotations

from dataclasses import dataclass

from events.store.connection import LedgerUnavailableError
from events.store.status import Replayed, read_lacking, read_replayed

PRIMARY = "default"


@dataclass(frozen=True, slots=True)
class Lag:
    """The state of a replica; figures that only the primary knows are None while it does not
    answer."""

    replayed: Replayed
    primary_head: int | None
    seconds: float | None

    @property
    def events(self) -> int | None:
        """Sequence numbers that the replica does not show yet."""
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
    """Returns the lag of the server behind a connection. A server that is no longer a standby, such
    as a replica promoted by mistake, lags as well when it lacks appends.

    It is read before the primary, so an append in between makes the lag larger, never smaller.
    """
    replayed = read_replayed(using)
    try:
        lacking = read_lacking(PRIMARY, replayed.head_sequence)
    except LedgerUnavailableError:
        return Lag(replayed, None, None)
    return Lag(replayed, lacking.head_sequence, lacking.seconds)
