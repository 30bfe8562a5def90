"""Runs a verification slice by slice from its last checkpoint, and shares a large one as ranges
among workers on any machines.

One worker leads: it splits what is left, invites the others, verifies ranges like them, and takes
finished ranges into the record in sequence order. Each range is protected by an advisory lock,
released when its worker's connection closes, so a range whose worker died is free again. When the
leader dies, the next leader continues with the ranges as they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from django.db import transaction

from events.models import Verification, VerificationRange
from events.store.connection import LedgerUnavailableError, first_line, named_errors
from events.store.locks import VERIFICATION, VERIFICATION_RANGE, try_lock
from events.store.sequence import cut, slice_end
from observers.replica.reading import alias_reaching
from observers.verification.checks import Check, Finding
from observers.verification.ledger import RANGE, verify_ledger
from observers.verification.report import Report
from observers.verification.strays import hidden_rows
from observers.verification_jobs import records
from observers.verification_jobs.records import RUNNING, require_sealed, seal_range

log = structlog.get_logger(__name__)


class Stopped(Exception):
    """The worker was told to stop; the next worker repeats the current slice."""


def verify_slice(using: str, start: int, end: int, stopping: Callable[[], bool]) -> Report:
    """Makes every check over start … end, and reports an end of the ledger that was lost since the
    request."""

    def stop_if_told(more: int = 0) -> None:
        if stopping():
            raise Stopped

    report = verify_ledger(using, start, end, progress=stop_if_told)
    if start == 1:
        for hidden in hidden_rows(using):
            report.add_all(each.finding() for each in hidden)
            stop_if_told()
    if report.end < end:
        text = (
            f"the ledger went to {end} or beyond when this verification was asked for; "
            f"now its events and its head end at {report.end}"
        )
        report.add(Finding(max(start, report.end + 1), Check.GAP, text))
    return report


SLICE = 5_000
"""Events verified between two checkpoints: what a crash costs, and how long a cancel waits."""


def run_verification(
    verification_id: int,
    *,
    stopping: Callable[[], bool] = lambda: False,
    invite: Callable[[int, int], None] = lambda verification_id, ranges: None,
    size: int = SLICE,
) -> None:
    """Verifies what is left of a requested range, and ends its record.

    `invite` asks other workers to share the ranges of a large verification.

    Raises:
        Stopped: `stopping` said so; the record stays open.
        LedgerUnavailableError: the database went away; the record stays open.
    """
    with try_lock("default", VERIFICATION, verification_id) as alone:
        record = records.claim(verification_id) if alone else None
        if record is None:
            log.info("verification_not_taken_up", verification=verification_id, alone=alone)
            return
        log.info(
            "verification_taken_up",
            verification=record.pk,
            run=record.runs,
            after=record.reached_sequence,
        )
        try:
            if record.end_sequence - record.reached_sequence > SHARED_FROM:
                record = run_shared(record, stopping, invite)
            else:
                record = _run_alone(record, stopping, size)
        except (Stopped, LedgerUnavailableError, records.SupersededError):
            raise
        except Exception as error:
            records.fail(record, f"{type(error).__name__}: {first_line(error)}")
            raise
    log.info(
        "verification_ended",
        verification=record.pk,
        state=record.state,
        checked=record.checked,
        findings=record.finding_count,
    )


def _run_alone(record: Verification, stopping: Callable[[], bool], size: int) -> Verification:
    while record.state == RUNNING:
        # Asked of a replica that has not gone so far, the end would look like a cut.
        using, start = alias_reaching(record.end_sequence), record.reached_sequence + 1
        end = slice_end(using, start, record.end_sequence, size)
        record = records.save_slice(record, end, verify_slice(using, start, end, stopping))
    return record


SHARED_FROM = 5 * RANGE
"""A verification with no more events left is not worth sharing."""

POLL_SECONDS = 0.2


def run_shared(
    record: Verification,
    stopping: Callable[[], bool],
    invite: Callable[[int, int], None],
    *,
    size: int = RANGE,
) -> Verification:
    """Leads a verification until it ends. `size` is the number of events that the death of a worker
    costs, and for which a cancellation waits.

    Raises:
        Stopped: `stopping` said so; the record and its ranges stay open.
    """
    invite(record.pk, _split(record, size))
    while record.state == RUNNING:
        record = _take_in(record)
        if record.state == RUNNING and not work_at_one(record.pk, stopping):
            if stopping():
                raise Stopped
            time.sleep(POLL_SECONDS)
    _forget(record)
    return record


def help_with(verification_id: int, stopping: Callable[[], bool]) -> None:
    """Verifies ranges of a verification until none is free.

    Raises:
        Stopped: `stopping` said so; the range under way is free again.
    """
    while work_at_one(verification_id, stopping):
        pass


def work_at_one(verification_id: int, stopping: Callable[[], bool]) -> bool:
    """Verifies the first free range; returns False when there is none."""
    record = Verification.objects.get(pk=verification_id)
    for pk in _open_ranges(record).values_list("pk", flat=True):
        with try_lock("default", VERIFICATION_RANGE, pk) as alone:
            # Somebody may have finished it between the look and the lock.
            mine = _open_ranges(record).filter(pk=pk).first() if alone else None
            if mine is not None:
                _verify(record, mine, stopping)
                return True
    return False


def _split(record: Verification, size: int) -> int:
    """Splits what is left, unless that was done before; returns the number of ranges."""
    with named_errors(), transaction.atomic():
        ranges = VerificationRange.objects.filter(verification=record)
        last = ranges.order_by("-end_sequence").first()
        start = record.reached_sequence + 1 if last is None else last.end_sequence + 1
        using = alias_reaching(record.end_sequence)
        VerificationRange.objects.bulk_create(
            VerificationRange(verification=record, start_sequence=first, end_sequence=end)
            for first, end in cut(using, start, record.end_sequence, size)
        )
        return ranges.count()


def _open_ranges(record: Verification) -> Any:
    return VerificationRange.objects.filter(
        verification=record, verification__state=RUNNING, figures__isnull=True
    ).order_by("start_sequence")


def _verify(record: Verification, mine: VerificationRange, stopping: Callable[[], bool]) -> None:
    # Asked of a replica that has not gone so far, the end would look like a cut.
    using = alias_reaching(record.end_sequence)
    report = verify_slice(using, mine.start_sequence, mine.end_sequence, stopping)
    with named_errors():
        mine.figures = _figures(report)
        mine.seal = seal_range(mine)
        mine.save(update_fields=["figures", "seal"])


def _take_in(record: Verification) -> Verification:
    """Adds the finished ranges that follow the checkpoint to the record; returns its new state."""
    while record.state == RUNNING:
        following = VerificationRange.objects.filter(
            verification=record,
            start_sequence=record.reached_sequence + 1,
            figures__isnull=False,
        ).first()
        if following is None:
            return records.end_if_cancelled(record)
        require_sealed(following)
        record = records.save_slice(record, following.end_sequence, _report(following))
        _forget(record)
    return record


def _forget(record: Verification) -> None:
    """Deletes ranges that are in the record, or whose record has ended."""
    with named_errors():
        ranges = VerificationRange.objects.filter(verification=record)
        if record.state == RUNNING:
            ranges = ranges.filter(end_sequence__lte=record.reached_sequence)
        ranges.delete()


def _figures(report: Report) -> dict[str, Any]:
    return {
        "checked": report.checked,
        "findings": [[f.sequence, f.check.value, f.detail] for f in report.findings],
        "finding_count": report.finding_count,
        "documented_gaps": [known.as_dict() for known in report.documented_gaps],
        "backward_steps": report.backward_steps,
        "last_content_hash": report.last_content_hash,
        "seconds": report.seconds,
    }


def _report(done: VerificationRange) -> Report:
    figures: dict[str, Any] = done.figures or {}
    return Report(
        done.start_sequence,
        done.end_sequence,
        checked=figures["checked"],
        findings=[
            Finding(sequence, Check(check), detail)
            for sequence, check, detail in figures["findings"]
        ],
        finding_count=figures["finding_count"],
        documented_gaps=[records.known_gap(kept) for kept in figures["documented_gaps"]],
        backward_steps=figures["backward_steps"],
        last_content_hash=figures["last_content_hash"],
        seconds=figures["seconds"],
    )
