"""Verifications started by `verify_ledger`: recorded ones, which can be resumed, and incremental
ones, which cover what is new since the last sound verification from sequence 1.

Invariant: a record is locked while somebody works on it, and parts are saved in order. An
incremental verification first checks that the boundary event still hashes as it did.
"""

from __future__ import annotations

import getpass
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from events.errors import LedgerError
from events.models import Verification
from events.store.connection import named_errors
from events.store.ledger import PostgresEventStore
from events.store.locks import VERIFICATION, try_lock
from events.store.sequence import neighbours
from observers.replica.reading import alias_reaching
from observers.verification.checks import Check, Finding
from observers.verification.keyring import keyring_from_registry
from observers.verification.ledger import finish_part, scan_ranges
from observers.verification.range_scan import Advance
from observers.verification.report import Report
from observers.verification.strays import hidden_rows
from observers.verification_jobs import records
from observers.verification_jobs.history import latest
from observers.verification_jobs.records import OPEN, RUNNING
from observers.verification_jobs.tasks import note


class NothingSoundError(LedgerError):
    """No sound verification from sequence 1 is on record."""


@dataclass(frozen=True, slots=True)
class Base:
    """The verification that an incremental one continues from."""

    verification: int
    end: int
    last_content_hash: str | None

    def as_dict(self) -> dict[str, Any]:
        """In JSON."""
        return {
            "verification": self.verification,
            "end": self.end,
            "last_content_hash": self.last_content_hash,
        }


def last_sound() -> Base:
    """Returns the last sound verification from sequence 1.

    Raises:
        NothingSoundError: there is none.
    """
    found: Verification | None = latest().sound
    if found is None:
        raise NothingSoundError(
            "no sound verification from sequence 1 is on record to go on from: verify the whole "
            "ledger from the portal, or with --record"
        )
    return Base(found.pk, found.end_sequence, found.last_content_hash)


def seam_findings(using: str, base: Base) -> Iterator[Finding]:
    """Reports where the ledger no longer ends, or hashes, as the verification recorded it."""
    store = PostgresEventStore(using)
    last = store.last_sequence()
    if last < base.end:
        yield Finding(
            last + 1,
            Check.GAP,
            f"verification {base.verification} went to {base.end}; "
            f"now the events and their head end at {last}",
        )
        return
    place, _ = neighbours(using, base.end, base.end)
    found = None if place is None else store.get_event(place)
    stored = None if found is None else found.content_hash
    if stored != base.last_content_hash:
        yield Finding(
            base.end,
            Check.HEAD,
            f"verification {base.verification} ended with content_hash {base.last_content_hash}, "
            f"now it is {stored or 'missing'}",
        )


COMMAND = "verify_ledger"


class NotResumedError(LedgerError):
    """There is no verification to resume, or another process works on it."""


def begin(start: int, end: int) -> Verification:
    """Creates a new record, requested by the user who runs the command."""
    with named_errors(), transaction.atomic():
        return note(requested_by=f"{COMMAND} by {getpass.getuser()}", start=start, end=end)


def interrupted() -> Verification:
    """Returns the newest record that the command line began and did not end.

    Raises:
        NotResumedError: there is none.
    """
    with named_errors():
        mine = Verification.objects.filter(state__in=OPEN, requested_by__startswith=f"{COMMAND} ")
        found: Verification | None = mine.order_by("-pk").first()
    if found is None:
        raise NotResumedError("no verification that was begun with --record waits to be resumed")
    return found


def resume(record: Verification, *, workers: int, progress: Advance) -> Verification:
    """Verifies what is left and notes each part, until the end or until it is cancelled.

    Raises:
        NotResumedError: another process works at it, or it has ended.
    """
    with try_lock("default", VERIFICATION, record.pk) as alone:
        taken = records.claim(record.pk) if alone else None
        if taken is None:
            raise NotResumedError(f"another process works at verification {record.pk}, or ended it")
        with closing(_reports(taken, workers, progress)) as reports:
            for report in reports:
                taken = records.save_slice(taken, report.end, report)
                if taken.state != RUNNING:
                    break
    return taken


def _reports(record: Verification, workers: int, progress: Advance) -> Generator[Report]:
    """Yields a report of each part that is left. They add up to the report of the whole, because
    each is checked against the event before it and no part ends inside a gap."""
    # Asked of a replica that has not gone so far, the end would look like a cut.
    using = alias_reaching(record.end_sequence)
    keys = keyring_from_registry(using)
    parts = scan_ranges(
        using,
        keys,
        record.reached_sequence + 1,
        record.end_sequence,
        workers=workers,
        progress=progress,
    )
    with closing(parts):
        for part in parts:
            report = finish_part(using, keys, part)
            if part.start == 1:
                for hidden in hidden_rows(using):
                    report.add_all(each.finding() for each in hidden)
            yield report


def as_report(record: Verification) -> Report:
    """Converts a record to a report with the findings it keeps."""
    return Report(
        record.start_sequence,
        record.reached_sequence,
        checked=record.checked,
        findings=[
            Finding(found["sequence"], Check(found["check"]), found["detail"])
            for found in record.findings
        ],
        finding_count=record.finding_count,
        documented_gaps=[records.known_gap(kept) for kept in record.documented_gaps],
        backward_steps=record.backward_steps,
        last_content_hash=record.last_content_hash,
        seconds=float(record.worked_seconds),
    )
