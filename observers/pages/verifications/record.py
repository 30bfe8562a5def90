"""View model of a verification's record: its verdict, progress, checks and findings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from events.format.timestamps import format_timestamp
from events.models import Verification
from observers.verification.checks import Check
from observers.verification_jobs.records import FINISHED, RUNNING, WAITING, is_sealed

LISTED = 10
"""Findings shown at once, so that a record prints on one page; the others are collapsed."""

PATIENCE = timedelta(seconds=20)
"""Longest wait of a verification while a worker is free."""


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
    """A record as the pages show it."""

    record: Verification

    @property
    def is_forged(self) -> bool:
        """True if the record claims to be finished without this portal's seal."""
        return self.record.state == FINISHED and not is_sealed(self.record)

    @property
    def is_sound(self) -> bool:
        """True if the whole range was verified by this portal and nothing was found."""
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
    def headline(self) -> str:
        """The result of a closed record in one sentence."""
        record = self.record
        if self.is_forged:
            return "Not from this portal."
        if record.is_sound:
            return "Sound."
        if record.state == FINISHED:
            return f"Not sound: {_findings(record.finding_count)}."
        if record.state == "cancelled":
            place = f"after sequence {record.reached_sequence}" if record.checked else None
            return f"Cancelled by {record.cancelled_by} {place or 'before it began'}."
        return f"Could not be finished: it stopped after sequence {record.reached_sequence}."

    @property
    def explanation(self) -> str:
        """Explains the result of a closed record."""
        record = self.record
        if self.is_forged:
            return (
                "Somebody wrote this record into the database, or it was made with another secret "
                "key. It proves nothing."
            )
        if record.is_sound:
            numbers = "no number is missing"
            if record.documented_gap_count:
                numbers = "every missing number is explained by a ceremony"
            return f"Every check passed on every event of the range, and {numbers}."
        if record.state == FINISHED:
            return "The events below are not what was recorded, or are missing."
        if record.finding_count:
            return f"{_findings(record.finding_count)} up to there."
        if record.checked:
            return "Nothing wrong was found up to there; the rest was not checked."
        return "Nothing was verified."

    @property
    def kind(self) -> str:
        """Style of the verdict: `ok`, `bad` or `open`."""
        if self.is_sound:
            return "ok"
        undecided = self.record.is_open or self.record.state == "cancelled"
        return "open" if undecided and not self.record.finding_count else "bad"

    @property
    def count(self) -> int:
        """Numbers in the range."""
        return self.record.end_sequence - self.record.start_sequence + 1

    @property
    def done(self) -> int:
        """Numbers verified so far."""
        return self.record.reached_sequence - self.record.start_sequence + 1

    @property
    def percent(self) -> int:
        """Never 100 before the end."""
        return self.done * 100 // self.count

    @property
    def rate(self) -> int | None:
        """Events per second; None before anything was measured."""
        worked = self.record.worked_seconds
        return int(self.record.checked / worked) if worked > 0 and self.record.checked else None

    @property
    def left_seconds(self) -> Decimal | None:
        """Estimated seconds to the end; None if it does not run."""
        if self.record.state != RUNNING or not self.done or self.record.worked_seconds <= 0:
            return None
        whole = self.record.worked_seconds * (self.count - self.done) / self.done
        return whole.quantize(Decimal(1))

    @property
    def waits_long(self) -> bool:
        """True if it has waited so long that perhaps no worker runs."""
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
        return [CheckResult(check, check.meaning, failed.get(check.value, 0)) for check in Check]

    @property
    def findings(self) -> list[ListedFinding]:
        """Findings shown at once."""
        return [_listed(finding) for finding in self.record.findings[:LISTED]]

    @property
    def folded(self) -> list[ListedFinding]:
        """Findings behind “more”."""
        return [_listed(finding) for finding in self.record.findings[LISTED:]]

    @property
    def not_kept(self) -> int:
        """Findings counted but not stored."""
        return self.record.finding_count - len(self.record.findings)

    @property
    def gaps_not_kept(self) -> int:
        """Documented gaps counted but not stored."""
        return self.record.documented_gap_count - len(self.record.documented_gaps)


def _findings(count: int) -> str:
    return "1 finding" if count == 1 else f"{count:,} findings"


def _canonical(moment: datetime | None) -> str | None:
    return None if moment is None else format_timestamp(moment)


def _listed(finding: dict[str, Any]) -> ListedFinding:
    return ListedFinding(finding["sequence"], Check(finding["check"]), finding["detail"])
