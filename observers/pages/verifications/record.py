"""A verification's record in the words of its page. It must never call sound what has not ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from events.format.timestamps import format_timestamp
from events.models import Verification
from observers.verification.checks import MEANINGS, Check
from observers.verification_jobs.records import FINISHED, RUNNING, WAITING, is_sealed

LISTED = 10
"""Findings shown at once, so that a record prints on a page; the others are folded up."""

PATIENCE = timedelta(seconds=20)
"""How long a verification waits at most while a worker is free."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check of the event format, and how often it failed."""

    check: Check
    meaning: str
    failures: int


@dataclass(frozen=True, slots=True)
class ListedFinding:
    """A finding that the record keeps."""

    sequence: int
    check: Check
    detail: str


@dataclass(frozen=True, slots=True)
class VerificationView:
    """What a page says of a record."""

    record: Verification

    @property
    def is_forged(self) -> bool:
        """Whether it is said to have ended, and not by this portal."""
        return self.record.state == FINISHED and not is_sealed(self.record)

    @property
    def is_sound(self) -> bool:
        """Whether all of the range was verified here, and nothing was found."""
        return self.record.is_sound and not self.is_forged

    @property
    def verdict(self) -> str:
        """Its state or its result in a word or two."""
        record = self.record
        if self.is_forged:
            return "not from this portal"
        if record.is_open:
            if record.cancelled_by is not None:
                return "stopping"
            return "waiting" if record.state == WAITING else "running"
        if record.state != "finished":
            return "cancelled" if record.state == "cancelled" else "could not be finished"
        return "sound" if record.is_sound else "not sound"

    @property
    def kind(self) -> str:
        """How the verdict looks: `ok`, `bad` or `open`."""
        if self.is_sound:
            return "ok"
        undecided = self.record.is_open or self.record.state == "cancelled"
        return "open" if undecided and not self.record.finding_count else "bad"

    @property
    def count(self) -> int:
        """How many numbers the range has."""
        return self.record.end_sequence - self.record.start_sequence + 1

    @property
    def done(self) -> int:
        """How many of them are verified."""
        return self.record.reached_sequence - self.record.start_sequence + 1

    @property
    def percent(self) -> int:
        """Never 100 before the end."""
        return self.done * 100 // self.count

    @property
    def rate(self) -> int | None:
        """Events a second, while there is something to measure."""
        worked = self.record.worked_seconds
        return int(self.record.checked / worked) if worked > 0 and self.record.checked else None

    @property
    def left_seconds(self) -> Decimal | None:
        """What is left takes about so long."""
        if self.record.state != RUNNING or not self.done or self.record.worked_seconds <= 0:
            return None
        whole = self.record.worked_seconds * (self.count - self.done) / self.done
        return whole.quantize(Decimal(1))

    @property
    def waits_long(self) -> bool:
        """Whether it may be that no worker runs."""
        waiting = self.record.state == WAITING
        return waiting and timezone.now() - self.record.requested_at > PATIENCE

    @property
    def requested_at(self) -> str:
        return format_timestamp(self.record.requested_at)

    @property
    def started_at(self) -> str | None:
        return _canonical(self.record.started_at)

    @property
    def ended_at(self) -> str | None:
        return _canonical(self.record.ended_at)

    @property
    def checks(self) -> list[CheckResult]:
        """The checks; each was made on every event up to the checkpoint."""
        failed = self.record.findings_by_check
        return [CheckResult(check, MEANINGS[check], failed.get(check.value, 0)) for check in Check]

    @property
    def findings(self) -> list[ListedFinding]:
        """Those shown at once."""
        return [_listed(finding) for finding in self.record.findings[:LISTED]]

    @property
    def folded(self) -> list[ListedFinding]:
        """Those folded up."""
        return [_listed(finding) for finding in self.record.findings[LISTED:]]

    @property
    def not_kept(self) -> int:
        """Findings that are only counted."""
        return self.record.finding_count - len(self.record.findings)

    @property
    def gaps_not_kept(self) -> int:
        """Documented gaps that are only counted."""
        return self.record.documented_gap_count - len(self.record.documented_gaps)


def _canonical(moment: datetime | None) -> str | None:
    return None if moment is None else format_timestamp(moment)


def _listed(finding: dict[str, Any]) -> ListedFinding:
    return ListedFinding(finding["sequence"], Check(finding["check"]), finding["detail"])
