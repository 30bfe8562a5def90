"""`TimeAuthorityService`: looks at an event's two clocks after it is written (AC4).

It must never refuse: the event is in the ledger, and the trigger has written the warning row.
"""

from __future__ import annotations

from decimal import Decimal

import structlog

from events.drift import Drift
from events.event import Event
from events.store.drift import get_threshold

log = structlog.get_logger(__name__)


class TimeAuthorityService:
    """Logs `clock_drift_detected` when an event's clocks differ by more than the threshold.

    The threshold is the row of `ledger_config` that the trigger reads: there is one.
    """

    def __init__(self, using: str = "default") -> None:
        self.using = using

    def check_drift(self, event: Event, *, threshold: Decimal | None = None) -> Drift | None:
        """The drift if it exceeds the threshold (seconds; the ledger's own by default)."""
        limit = get_threshold(self.using) if threshold is None else threshold
        drift = event.drift
        if not drift.exceeds(limit):
            return None
        log.warning(
            "clock_drift_detected",
            event_id=event.event_id,
            sequence=event.sequence,
            agent_id=event.agent_id,
            drift_seconds=str(drift.seconds),
            direction=drift.direction,
            threshold_seconds=str(limit),
            local_timestamp=event.local_timestamp,
            authority_timestamp=event.authority_timestamp,
        )
        return drift
