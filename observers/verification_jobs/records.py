"""The record of a verification, from request to end, its states and its seals.

Invariant: results are saved in one transaction with the checkpoint, so everything up to
`reached_sequence` was verified and nothing beyond it counts.

Seals use a secret outside the database, because the database's roles could write such rows too. A
seal is valid for its own record at its own checkpoint, and records are never removed, so restoring
an old one claims nothing false.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from events.errors import LedgerError
from events.format.gaps import Gap
from events.models import Verification, VerificationRange
from events.store.connection import named_errors
from observers.seals import holds, seal
from observers.verification.checks import Finding
from observers.verification.report import KnownGap, Report

log = structlog.get_logger(__name__)

WAITING = "waiting"
RUNNING = "running"
FINISHED = "finished"
CANCELLED = "cancelled"
FAILED = "failed"

OPEN = (WAITING, RUNNING)


class ForgedRecordError(LedgerError):
    """A record of a verification was not written by this portal."""


def seal_record(record: Verification) -> str:
    """Returns the seal of a record in its current state: progress, number of findings, and whether
    it ended."""
    return seal("verification", _figures(record))


def is_sealed(record: Verification) -> bool:
    """Tells whether this portal wrote what the record says."""
    return holds(record.seal, seal_record(record))


def require_noted(record: Verification) -> None:
    """Refuses to continue with a record that somebody else changed.

    Raises:
        ForgedRecordError: it is neither untouched nor sealed.
    """
    untouched = [0] * 4 if record.reached_sequence == record.start_sequence - 1 else None
    counts = [record.checked, record.finding_count, record.documented_gap_count]
    if [*counts, record.backward_steps] != untouched and not is_sealed(record):
        raise ForgedRecordError(f"what verification {record.pk} says was not noted by this portal")


def seal_range(done: VerificationRange) -> str:
    """Returns the seal of the results of a range."""
    place = [done.verification_id, done.start_sequence, done.end_sequence]
    return seal("range", [*place, done.figures])


def require_sealed(done: VerificationRange) -> None:
    """Refuses results of a range that this portal did not seal.

    Raises:
        ForgedRecordError: it is not sealed.
    """
    if not holds(done.seal, seal_range(done)):
        raise ForgedRecordError(f"what was found in {done} was not noted by this portal")


def _figures(record: Verification) -> list[Any]:
    return [
        record.pk,
        record.start_sequence,
        record.end_sequence,
        record.state == FINISHED,
        record.reached_sequence,
        record.checked,
        record.finding_count,
        record.documented_gap_count,
        record.backward_steps,
        record.last_content_hash,
    ]


KEPT = 1_000
"""Findings, and documented gaps, that a record keeps one by one; all of them are counted."""

DETAIL = 500
"""Characters of a finding's detail that a record keeps."""


class SupersededError(LedgerError):
    """Another worker moved the record on; what this one found is not saved."""


def claim(verification_id: int) -> Verification | None:
    """Begins a verification, or resumes one that another worker left. Returns None when there is
    nothing left to do; a record that this portal did not write is ended as failed."""
    with named_errors():
        ended = _one(verification_id).filter(state=RUNNING, cancelled_by__isnull=False)
        ended.update(state=CANCELLED, ended_at=Now())
        _one(verification_id).filter(state__in=OPEN).update(
            state=RUNNING, runs=F("runs") + 1, started_at=Coalesce(F("started_at"), Now())
        )
        record = _one(verification_id).filter(state=RUNNING).first()
    if record is None:
        return None
    try:
        require_noted(record)
    except ForgedRecordError as error:
        log.critical("verification_record_forged", verification=verification_id, why=str(error))
        fail(record, str(error))
        return None
    return record


def save_slice(record: Verification, reached: int, report: Report) -> Verification:
    """Adds the results of a slice and moves the checkpoint, in one transaction; ends the record
    when it is complete or was cancelled.

    Raises:
        SupersededError: the checkpoint is no longer where this slice began.
        ForgedRecordError: somebody else changed what it says.
    """
    with named_errors(), transaction.atomic():
        current = Verification.objects.select_for_update().get(pk=record.pk)
        if (current.state, current.reached_sequence) != (RUNNING, record.reached_sequence):
            raise SupersededError(f"verification {record.pk} was taken over or has ended")
        require_noted(current)
        _add(current, reached, report)
        ended = _end_state(current)
        if ended:
            current.state, current.ended_at = ended, Now()
        if ended == FINISHED:
            current.cancelled_by = None  # too late: there was nothing left to cancel
        current.seal = seal_record(current)
        current.save()
    return current


def end_if_cancelled(record: Verification) -> Verification:
    """Ends a cancelled record between two slices; returns its current state."""
    with named_errors():
        asked = _one(record.pk).filter(state=RUNNING, cancelled_by__isnull=False)
        asked.update(state=CANCELLED, ended_at=Now())
        return _one(record.pk).get()


def fail(record: Verification, reason: str) -> None:
    """Ends a record that cannot be finished, keeping what was found."""
    with named_errors():
        _one(record.pk).filter(state=RUNNING).update(
            state=FAILED, failure=reason[:DETAIL], ended_at=Now()
        )


def ask_to_cancel(verification_id: int, cancelled_by: str) -> bool:
    """Cancels a waiting verification at once, a running one at the end of its slice. Returns False
    when it has ended or was cancelled already."""
    with named_errors():
        waiting = _one(verification_id).filter(state=WAITING)
        if waiting.update(state=CANCELLED, cancelled_by=cancelled_by, ended_at=Now()):
            return True
        running = _one(verification_id).filter(state=RUNNING, cancelled_by__isnull=True)
        return bool(running.update(cancelled_by=cancelled_by))


def open_ids() -> set[int]:
    """Returns the verifications that have not ended."""
    with named_errors():
        return set(Verification.objects.filter(state__in=OPEN).values_list("pk", flat=True))


def _one(verification_id: int) -> QuerySet[Verification]:
    return Verification.objects.filter(Q(pk=verification_id))


def _end_state(record: Verification) -> str | None:
    if record.reached_sequence == record.end_sequence:
        return FINISHED
    return CANCELLED if record.cancelled_by is not None else None


def _add(record: Verification, reached: int, report: Report) -> None:
    record.reached_sequence = reached
    record.checked += report.checked
    record.finding_count += report.finding_count
    for finding in report.findings:
        name = finding.check.value
        record.findings_by_check[name] = record.findings_by_check.get(name, 0) + 1
    room = KEPT - len(record.findings)
    record.findings += [_finding(finding) for finding in report.findings[: max(room, 0)]]
    record.documented_gap_count += len(report.documented_gaps)
    room = KEPT - len(record.documented_gaps)
    record.documented_gaps += [known.as_dict() for known in report.documented_gaps[: max(room, 0)]]
    record.backward_steps += report.backward_steps
    record.last_content_hash = report.last_content_hash or record.last_content_hash
    record.worked_seconds += Decimal(str(round(report.seconds, 3)))


def known_gap(kept: dict[str, Any]) -> KnownGap:
    """Converts a documented gap to the form that a record keeps."""
    return KnownGap(Gap(kept["start"], kept["end"]), kept["ceremony_sequence"])


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "sequence": finding.sequence,
        "check": finding.check.value,
        "detail": finding.detail[:DETAIL],
    }
