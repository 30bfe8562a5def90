"""Reads drift: the threshold, the warnings, figures by agent. The trigger
`log_clock_drift_on_insert` writes the warnings.

Drift warnings in pages. Their id is the order, and never a clock.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from events.errors import LedgerConfigurationError
from events.format.drift import DEFAULT_THRESHOLD_SECONDS, check_threshold
from events.store.connection import fetch_all, fetch_one
from events.store.drift_figures import DriftChoice
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
        """Where the writer's clock stood: `ahead` or `behind`."""
        return "ahead" if self.ahead else "behind"


@dataclass(frozen=True, slots=True)
class DriftFilter:
    """What warnings to list, in order of their id; times are half-open, authority clock."""

    after: int | None = None
    agent_id: str | None = None
    min_seconds: Decimal | None = None
    authority_from: datetime | None = None
    authority_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class AgentDrift:
    """Drift warnings of one agent; seconds are absolute."""

    agent_id: str | None
    warnings: int
    median_seconds: Decimal
    p95_seconds: Decimal
    worst_seconds: Decimal
    ahead: int
    first_sequence: int
    last_sequence: int


def operator_threshold(using: str) -> tuple[Decimal, int] | None:
    """The threshold that an operator set alone last, before people decided it, and the head then:
    later events were compared with it. None where the row is gone."""
    row = fetch_one(using, "operator_threshold")
    return None if row is None else (row[0], row[1])


def warnings_of_range(using: str, start: int, end: int) -> list[Any]:
    """Sequence, id, both times and seconds of the warnings about events of a range."""
    return fetch_all(using, "warnings_of_range", {"start": start, "end": end})


def drifted_in_range(using: str, start: int, end: int) -> list[tuple[int, str | None]]:
    """Sequence and agent of what stands in the list of drifted events."""
    return fetch_all(using, "drifted_in_range", {"start": start, "end": end})


def get_threshold(using: str) -> Decimal:
    """The drift threshold in seconds, from the row that the trigger reads too.

    Raises:
        LedgerConfigurationError: the row is gone or its value is out of bounds.
    """
    row = fetch_one(using, "drift_threshold")
    if row is None:
        raise LedgerConfigurationError("AC4: the drift threshold is gone from ledger_config")
    return check_threshold(row[0])


def shown_threshold(using: str) -> Decimal:
    """The threshold that pages draw with. Where there is none, which `check_guards` reports, that
    of a new ledger: what is written can be read all the same."""
    try:
        return get_threshold(using)
    except LedgerConfigurationError:
        return DEFAULT_THRESHOLD_SECONDS


def set_threshold(using: str, seconds: object) -> Decimal:
    """Set the threshold for trigger and Python alike.

    Raises:
        LedgerConfigurationError: not a positive finite number.
    """
    row = fetch_one(using, "set_drift_threshold", {"seconds": check_threshold(seconds)})
    if row is None or row[0] is None:
        raise LedgerConfigurationError("AC4: the drift threshold is gone from ledger_config")
    return Decimal(row[0])


def list_warnings(using: str, chosen: DriftFilter, *, limit: int) -> list[DriftWarning]:
    """At most `limit` warnings in order of id; go on with `after` = the last id."""
    rows = fetch_all(using, "drift_warnings", {**asdict(chosen), "limit": limit})
    return [DriftWarning(*row) for row in rows]


def drift_by_agent(
    using: str, spans: ImportSpans, *, start: int | None = None, end: int | None = None
) -> list[AgentDrift]:
    """Figures over the warnings of a sequence range without those of imports, the worst first."""
    values = {"start": start, "end": end, **spans.parameters()}
    return [AgentDrift(*row) for row in fetch_all(using, "drift_by_agent", values)]


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
