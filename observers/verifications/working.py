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
from observers.replica.reading import alias_reaching
from observers.verifications import record as records
from observers.verifications.sharing import SHARED_FROM, left, to_the_end
from observers.verifications.slices import Stopped, verify_slice
from observers.verifications.states import RUNNING

SLICE = 5_000
"""Events verified between two checkpoints: what a crash costs, and how long a cancel waits."""

log = structlog.get_logger(__name__)


def carry_out(
    verification_id: int,
    *,
    stopping: Callable[[], bool] = lambda: False,
    invite: Callable[[int, int], None] = lambda verification_id, ranges: None,
    size: int = SLICE,
) -> None:
    """Verify what is left of a requested range, and end its record.

    `invite` asks other workers to share the ranges of a verification, if there are many.

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
            if left(record) > SHARED_FROM:
                record = to_the_end(record, stopping, invite)
            else:
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
