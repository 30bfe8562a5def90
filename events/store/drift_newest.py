"""Drift warnings, newest first. It must never order them by a clock: their id is the order."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from events.store.connection import fetch_all
from events.store.drift import DriftWarning


def list_newest_warnings(
    using: str,
    *,
    before: int | None = None,
    agent_id: str | None = None,
    min_seconds: Decimal | None = None,
    authority_from: datetime | None = None,
    authority_to: datetime | None = None,
    limit: int,
) -> list[DriftWarning]:
    """At most `limit` warnings, the highest id first; go on with `before` = the last id."""
    values = {
        "before": before,
        "agent_id": agent_id,
        "min_seconds": min_seconds,
        "authority_from": authority_from,
        "authority_to": authority_to,
        "limit": limit,
    }
    return [DriftWarning(*row) for row in fetch_all(using, "drift_warnings_descending", values)]
