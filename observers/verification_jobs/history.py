"""Lists records of verifications, newest first by keyset pagination, and finds the latest one from
the beginning of the ledger and findings that no later one refuted.

Invariants: an unfinished verification counts only for what it found; a record that this portal did
not seal counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from events.models import Verification
from events.store.connection import named_errors
from observers.verification_jobs.records import FINISHED, is_sealed

FIGURES = (
    "findings",
    "findings_by_check",
    "documented_gaps",
)
"""Columns of a record that a list does not show, and that may be long."""


def newest(limit: int, *, before: int | None = None) -> list[Verification]:
    """Returns the newest records, or the next ones older than `before`."""
    records = Verification.objects.defer(*FIGURES).order_by("-pk")
    with named_errors():
        return list((records if before is None else records.filter(pk__lt=before))[:limit])


def newer(limit: int, *, after: int) -> list[Verification]:
    """Returns the next records newer than `after`, oldest first."""
    records = Verification.objects.defer(*FIGURES).filter(pk__gt=after).order_by("pk")
    with named_errors():
        return list(records[:limit])


def find(verification_id: int) -> Verification | None:
    """Returns one record."""
    with named_errors():
        return Verification.objects.filter(pk=verification_id).first()


MOST = 1_000
"""Records of one kind, the newest, that are looked at."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The last finished verification that began at sequence 1, whatever it found, and the last
    such one that found nothing. They are the same when all is well; None when there is none.

    `unsound` is the last one of any range that found something, unless a later one that began
    after its end has verified all of its range and found nothing. `forged` is the newest ended one
    of all, if somebody else wrote it.
    """

    finished: Verification | None
    sound: Verification | None
    unsound: Verification | None
    forged: Verification | None


def latest() -> Latest:
    """Returns the latest results of verifications, from the portal or by `verify_ledger
    --record`."""
    with named_errors():
        ended = Verification.objects.filter(ended_at__isnull=False)
        whole = ended.filter(state=FINISHED, start_sequence=1)
        newest = next(_newest(ended.filter(state=FINISHED)), None)
        return Latest(
            next(_noted(whole), None),
            next(_noted(whole.filter(finding_count=0)), None),
            _unsound(ended),
            newest if newest and not is_sealed(newest) else None,
        )


def _unsound(ended: QuerySet[Verification]) -> Verification | None:
    wrong = list(_noted(ended.filter(finding_count__gt=0)))
    sound = list(_noted(ended.filter(state=FINISHED, finding_count=0))) if wrong else []
    for each in wrong:
        if not any(_refutes(other, each) for other in sound):
            return each
    return None


def _refutes(sound: Verification, wrong: Verification) -> bool:
    """Tells whether it began after the other's end and covered all of its range."""
    if sound.started_at is None or wrong.ended_at is None:
        return False
    covers = sound.start_sequence <= wrong.start_sequence
    covers = covers and sound.end_sequence >= wrong.reached_sequence
    return bool(covers and sound.started_at >= wrong.ended_at)


def _noted(records: QuerySet[Verification]) -> Iterator[Verification]:
    return (each for each in _newest(records) if is_sealed(each))


def _newest(records: QuerySet[Verification]) -> Iterator[Verification]:
    return records.order_by("-pk").defer(*FIGURES)[:MOST].iterator(chunk_size=20)
