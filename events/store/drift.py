"""Reads the drift threshold and the drift warnings, in pages by id (never by a clock).

The trigger `log_clock_drift_on_insert` writes the warnings.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from events.errors import LedgerConfigurationError
from events.format.drift import DEFAULT_THRESHOLD_SECONDS, check_threshold
from events.store.connection import fetch_all, fetch_one
from events.store.imports import ImportSpans


@dataclass(frozen=True, slots=True)
class DriftWarning:
    """One row of `clock_drift_warnings` with its event. `drift_seconds` is absolute."""

    id: int
    sequence: int
    event_id: str
    event_type: str
    agent_id: str | None
    local_timestamp: str
    authority_timestamp: str
    drift_seconds: Decimal
    ahead: bool

    @property
    def direction(self) -> str:
        """Direction of the writer's clock: `ahead` or `behind`."""
        return "ahead" if self.ahead else "behind"


@dataclass(frozen=True, slots=True)
class DriftFilter:
    """Filter of warnings; None leaves a side open. Times are half-open, by the authority clock."""

    agent_id: str | None = None
    min_seconds: Decimal | None = None
    authority_from: datetime | None = None
    authority_to: datetime | None = None


def warnings_of_range(using: str, start: int, end: int) -> list[Any]:
    """Sequence, id, both times and seconds of the warnings about events of a range."""
    return fetch_all(using, "drift.warnings_of_range", {"start": start, "end": end})


def drifted_in_range(using: str, start: int, end: int) -> list[tuple[int, str | None]]:
    """Sequence and agent of the entries of `drifted_events` in a range."""
    return fetch_all(using, "drift.drifted_in_range", {"start": start, "end": end})


def get_threshold(using: str) -> Decimal:
    """The drift threshold in seconds, from the row that the trigger reads too.

    Raises:
        LedgerConfigurationError: the row is missing or its value is out of bounds.
    """
    row = fetch_one(using, "drift.threshold")
    if row is None:
        raise LedgerConfigurationError("AC4: the drift threshold is missing from ledger_config")
    return check_threshold(row[0])


def shown_threshold(using: str) -> Decimal:
    """The threshold for display. Falls back to the default if it is missing, which `check_guards`
    reports: what is written can still be read."""
    try:
        return get_threshold(using)
    except LedgerConfigurationError:
        return DEFAULT_THRESHOLD_SECONDS


def list_warnings(
    using: str, chosen: DriftFilter, *, after: int | None = None, limit: int
) -> list[DriftWarning]:
    """At most `limit` warnings by rising id; continue with `after` = the last id."""
    rows = fetch_all(using, "drift.oldest", {**asdict(chosen), "after": after, "limit": limit})
    return [DriftWarning(*row) for row in rows]


def list_newest_warnings(
    using: str, chosen: DriftFilter, *, before: int | None = None, limit: int
) -> list[DriftWarning]:
    """At most `limit` warnings, highest id first; continue with `before` = the last id."""
    values = {**asdict(chosen), "before": before, "limit": limit}
    return [DriftWarning(*row) for row in fetch_all(using, "drift.newest", values)]


def list_living_warnings(
    using: str,
    chosen: DriftFilter,
    spans: ImportSpans,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int,
) -> list[DriftWarning]:
    """At most `limit` warnings without those of imports: newest first before the id `before`, or
    oldest first after the id `after`."""
    values = {**asdict(chosen), **spans.parameters(), "limit": limit}
    if after is not None:
        rows = fetch_all(using, "drift.oldest_of_clocks", {**values, "after": after})
    else:
        rows = fetch_all(using, "drift.newest_of_clocks", {**values, "before": before})
    return [DriftWarning(*row) for row in rows]
