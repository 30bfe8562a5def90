"""The queue's jobs: one for each verification. A job holds only the record's number, so a lost or
repeated job does no harm."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import JobAborted
from procrastinate.jobs import JobDeferrer

from events.errors import LedgerError
from events.models import Verification
from events.store.connection import named_errors
from events.store.locks import VERIFICATION, lock
from observers.verification_jobs.records import OPEN
from observers.verification_jobs.runner import Stopped, help_with, run_verification

QUEUE = "verifications"

MAX_OPEN = 20
"""Verifications that may wait or run at once."""


MAX_HELPERS = 16
"""Workers that are asked to help with one verification."""


class TooManyOpenError(LedgerError):
    """Too many verifications are waiting already."""


@app.task(name="verify", queue=QUEUE, pass_context=True)
def verify(context: JobContext, verification_id: int) -> None:
    """Runs one verification until it ends or the worker is stopped."""
    try:
        run_verification(verification_id, stopping=context.should_abort, invite=invite)
    except Stopped:
        raise JobAborted from None


@app.task(name="verify_ranges", queue=QUEUE, pass_context=True)
def verify_ranges(context: JobContext, verification_id: int) -> None:
    """Helps with the ranges of a verification that another worker leads."""
    try:
        help_with(verification_id, stopping=context.should_abort)
    except Stopped:
        raise JobAborted from None


def invite(verification_id: int, ranges: int) -> None:
    """Asks other workers to help. A worker that finds nothing left to do ends at once."""
    for _ in range(min(ranges - 1, MAX_HELPERS)):
        verify_ranges.defer(verification_id=verification_id)


def job_of(verification_id: int) -> JobDeferrer:
    """Returns the deferrable job of a verification. At most one runs and one waits for each
    verification."""
    name = f"verification-{verification_id}"
    return verify.configure(
        lock=name, queueing_lock=name, task_kwargs={"verification_id": verification_id}
    )


def request(*, requested_by: str, start: int, end: int) -> Verification:
    """Creates a verification and queues its job in one transaction.

    Raises:
        TooManyOpenError: there are MAX_OPEN already.
    """
    with named_errors(), transaction.atomic():
        record = note(requested_by=requested_by, start=start, end=end)
        job_of(record.pk).defer()
    return record


def note(*, requested_by: str, start: int, end: int) -> Verification:
    """Creates a verification inside the caller's transaction.

    Its number leaves no gap; the table's own sequence would leave some after a crash.

    Raises:
        TooManyOpenError: there are MAX_OPEN already.
    """
    lock("default", VERIFICATION)
    newest = Verification.objects.aggregate(Max("pk"))["pk__max"]
    if Verification.objects.filter(state__in=OPEN).count() >= MAX_OPEN:
        raise TooManyOpenError(f"{MAX_OPEN} verifications wait or run already")
    record: Verification = Verification.objects.create(
        id=(newest or 0) + 1,
        requested_by=requested_by,
        start_sequence=start,
        end_sequence=end,
        reached_sequence=start - 1,
    )
    return record
