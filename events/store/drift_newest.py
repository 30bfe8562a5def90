"""Drift warnings in pages. Their id is the order, and never a clock."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal

from events.store.connection import fetch_all
from events.store.drift import DriftWarning
from events.store.drift_figures import DriftChoice
from events.store.drift_imports import ImportSpans


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


def list_living_warnings(
    using: str,
    choice: DriftChoice,
    spans: ImportSpans,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int,
) -> list[DriftWarning]:
    """At most `limit` warnings of running clocks: those before the warning of an id, newest first,
    or with `after` those behind it, oldest first."""
    values = {**asdict(choice), **spans.parameters(), "limit": limit}
    if after is not None:
        rows = fetch_all(using, "drift_living_ascending", {**values, "after": after})
    else:
        rows = fetch_all(using, "drift_living_descending", {**values, "before": before})
    return [DriftWarning(*row) for row in rows]
