"""The job in the queue: one verification each. It must never hold anything but the record's number,
and a job lost or done twice must never matter: the record is the truth."""

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
    """So many verifications wait already that another would only hide them."""


@app.task(name="verify", queue=QUEUE, pass_context=True)
def verify(context: JobContext, verification_id: int) -> None:
    """Carry out one verification until it ends or the worker must."""
    try:
        run_verification(verification_id, stopping=context.should_abort, invite=invite)
    except Stopped:
        raise JobAborted from None


@app.task(name="verify_ranges", queue=QUEUE, pass_context=True)
def verify_ranges(context: JobContext, verification_id: int) -> None:
    """Help with the ranges of a verification that another worker leads."""
    try:
        help_with(verification_id, stopping=context.should_abort)
    except Stopped:
        raise JobAborted from None


def invite(verification_id: int, ranges: int) -> None:
    """Ask other workers to help. One that comes when nothing is left to do ends at once."""
    for _ in range(min(ranges - 1, MAX_HELPERS)):
        verify_ranges.defer(verification_id=verification_id)


def job_of(verification_id: int) -> JobDeferrer:
    """Its job, to be deferred. One of a verification runs at a time, and one waits."""
    name = f"verification-{verification_id}"
    return verify.configure(
        lock=name, queueing_lock=name, task_kwargs={"verification_id": verification_id}
    )


def request(*, requested_by: str, start: int, end: int) -> Verification:
    """Note a verification and put its job into the queue, both or neither.

    Raises:
        TooManyOpenError: there are MAX_OPEN already.
    """
    with named_errors(), transaction.atomic():
        record = note(requested_by=requested_by, start=start, end=end)
        job_of(record.pk).defer()
    return record


def note(*, requested_by: str, start: int, end: int) -> Verification:
    """Note a verification, inside a transaction.

    They are numbered without a gap, so that nobody has to wonder about one: the table's own
    sequence leaves some after a crash.

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
