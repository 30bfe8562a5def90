"""A large verification in ranges that any number of workers share, on any machines.

It must never take a range into the record out of order, nor have two work at one range.

One worker leads: it splits what is left, invites the others, works at ranges like them, and takes
finished ranges into the record in the order of the sequence. Who works at a range holds its
lock in the database, which falls with his connection, so a range whose worker died is simply free
again. When the leader dies, the next one finds the ranges as they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import transaction

from events.models import Verification, VerificationRange
from events.store.connection import named_errors
from events.store.slices import cut
from events.store.work_lock import VERIFICATION_RANGE, working_at
from observers.checks import Check, Finding
from observers.ledger_check import RANGE
from observers.replica.reading import alias_reaching
from observers.report import Report
from observers.verifications import record as records
from observers.verifications.seals import require_sealed, seal_range
from observers.verifications.slices import Stopped, verify_slice
from observers.verifications.states import RUNNING

SHARED_FROM = 5 * RANGE
"""A verification with no more events left is not worth sharing."""

SIZE = RANGE
"""Events of a range: what the death of a worker costs, and how long a cancel waits."""

POLL_SECONDS = 0.2


def left(record: Verification) -> int:
    """Sequence numbers that are still to be verified."""
    return record.end_sequence - record.reached_sequence


def to_the_end(
    record: Verification,
    stopping: Callable[[], bool],
    invite: Callable[[int, int], None],
    *,
    size: int = SIZE,
) -> Verification:
    """Lead a verification until it ends.

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
    """Work at ranges of a verification until none is free.

    Raises:
        Stopped: `stopping` said so; the range under way is free again.
    """
    while work_at_one(verification_id, stopping):
        pass


def work_at_one(verification_id: int, stopping: Callable[[], bool]) -> bool:
    """Verify the first range that nobody works at; False when there is none."""
    record = Verification.objects.get(pk=verification_id)
    for pk in _open_ranges(record).values_list("pk", flat=True):
        with working_at("default", VERIFICATION_RANGE, pk) as alone:
            # Somebody may have finished it between the look and the lock.
            mine = _open_ranges(record).filter(pk=pk).first() if alone else None
            if mine is not None:
                _verify(record, mine, stopping)
                return True
    return False


def _split(record: Verification, size: int) -> int:
    """Cut what is left, unless that was done before; how many ranges there are."""
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
    """Add the finished ranges that follow what the record has; the record as it is then."""
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
    """Remove the ranges that are in the record, or of a record that has ended."""
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
