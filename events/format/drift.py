"""Clock drift: the writer's clock minus the database's clock (AC4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from events.errors import LedgerConfigurationError

DEFAULT_THRESHOLD_SECONDS = Decimal(5)


@dataclass(frozen=True, slots=True)
class Drift:
    """Local minus authority time. Positive: the writer's clock is ahead."""

    offset: timedelta

    @property
    def seconds(self) -> Decimal:
        """Absolute drift in seconds, to the millisecond, rounded half up as NUMERIC does."""
        return abs(exact_seconds(self.offset)).quantize(Decimal("0.001"), ROUND_HALF_UP)

    @property
    def direction(self) -> str:
        """`ahead`, `behind` or `none`."""
        if not self.offset:
            return "none"
        return "ahead" if self.offset > timedelta(0) else "behind"

    def exceeds(self, threshold_seconds: Decimal) -> bool:
        """True if the drift is greater than the threshold; equal is still within bounds."""
        return abs(exact_seconds(self.offset)) > threshold_seconds


def measure_drift(local: datetime, authority: datetime) -> Drift:
    """The drift between two aware datetimes."""
    return Drift(local - authority)


def exact_seconds(delta: timedelta) -> Decimal:
    """A timedelta in seconds without rounding: microseconds are integers."""
    return Decimal(delta // timedelta(microseconds=1)) / 1_000_000


def check_threshold(value: object) -> Decimal:
    """Parse a drift threshold in seconds.

    Raises:
        LedgerConfigurationError: not a number, not finite, zero or negative.
    """
    if isinstance(value, bool):
        raise LedgerConfigurationError(f"AC4: the drift threshold {value} is not a number")
    try:
        threshold = Decimal(value if isinstance(value, int) else str(value))
    except InvalidOperation:
        raise LedgerConfigurationError(
            f"AC4: the drift threshold {value!r} is not a number"
        ) from None
    # Within the range of doubles, so that every reader can represent it.
    if not threshold.is_finite() or not 0 < float(threshold) < math.inf:
        raise LedgerConfigurationError(
            "AC4: the drift threshold must be a positive, finite number of seconds, "
            f"not {threshold:.6g}"
        )
    return threshold
