"""Carries a verification out, slice by slice, from its last checkpoint.

It must never work at a record at which another worker works, and never save half a slice.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from events.models import Verification
from events.store.connection import LedgerUnavailableError, first_line
from events.store.slices import slice_end
from events.store.work_lock import VERIFICATION, working_at
from observers.checks import Check, Finding
from observers.ledger_check import verify_ledger
from observers.replica.reading import alias_reaching
from observers.report import Report
from observers.verifications import record as records
from observers.verifications.states import RUNNING

SLICE = 5_000
"""Events verified between two checkpoints: what a crash costs, and how long a cancel waits."""

log = structlog.get_logger(__name__)


class Stopped(Exception):
    """The worker was told to stop; the slice under way is done again by the next one."""


def carry_out(
    verification_id: int, *, stopping: Callable[[], bool] = lambda: False, size: int = SLICE
) -> None:
    """Verify what is left of a requested range, and end its record.

    Raises:
        Stopped: `stopping` said so; the record stays open.
        LedgerUnavailableError: the database went away; the record stays open.
    """
    with working_at("default", VERIFICATION, verification_id) as alone:
        record = records.take_up(verification_id) if alone else None
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
            record = _to_the_end(record, stopping, size)
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


def _to_the_end(record: Verification, stopping: Callable[[], bool], size: int) -> Verification:
    while record.state == RUNNING:
        # Asked of a replica that has not gone so far, the end would look like a cut.
        using, start = alias_reaching(record.end_sequence), record.reached_sequence + 1
        end = slice_end(using, start, record.end_sequence, size)
        record = records.save_slice(record, end, verify_slice(using, start, end, stopping))
    return record


def verify_slice(using: str, start: int, end: int, stopping: Callable[[], bool]) -> Report:
    """Every check over start … end, an end that was there when the verification was asked for."""

    def look_up(sequence: int) -> None:
        if stopping():
            raise Stopped

    report = verify_ledger(using, start, end, progress=look_up)
    if report.end < end:
        report.add(Finding(max(start, report.end + 1), Check.GAP, _cut(report.end, end)))
    return report


def _cut(last: int, end: int) -> str:
    return (
        f"the ledger went to {end} or beyond when this verification was asked for; "
        f"now its events and its head end at {last}"
    )
