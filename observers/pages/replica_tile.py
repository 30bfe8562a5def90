"""From where the pages read, on the overview. It must never make the primary's service in a
replica's place look like trouble of the ledger: nothing is lost by it but speed."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from observers.replica.lag import Lag
from observers.replica.reading import has_replica, lag_of, why_left
from observers.replica.trust import Left, Why


@dataclass(frozen=True, slots=True)
class ReplicaTile:
    """The replica's lag while it serves; why the primary serves while it does not."""

    lag: Lag | None
    left: Left | None

    @property
    def trouble(self) -> str:
        """Why the replica does not serve, in words; "" while it does."""
        if self.left is None:
            return ""
        if self.left.why is Why.BEHIND:
            return "the replica is too far behind"
        return "the replica cannot be read"


def read_replica_tile() -> ReplicaTile | None:
    """None when observers have no database of their own."""
    if not has_replica():
        return None
    return ReplicaTile(lag_of(settings.LEDGER_READ_ALIAS), why_left())
