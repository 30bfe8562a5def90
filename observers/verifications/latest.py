"""When the ledger was last verified from its beginning, and what was found wrong and not refuted.

Invariant: what did not end counts for nothing but for what it found.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from events.models import Verification
from events.store.connection import named_errors
from observers.verifications.states import FINISHED


@dataclass(frozen=True, slots=True)
class Latest:
    """The last finished verification that began at sequence 1, whatever it found, and the last
    such one that found nothing. They are the same when all is well; None when there is none.

    `unsound` is the last one of any range that found something, unless a later one that began
    after its end has verified all of its range and found nothing.
    """

    finished: Verification | None
    sound: Verification | None
    unsound: Verification | None


def latest() -> Latest:
    """How the ledger last stood to verification, from the portal or by `verify_ledger --record`."""
    with named_errors():
        finished = Verification.objects.filter(state=FINISHED, start_sequence=1).order_by("-pk")
        refuted = Verification.objects.filter(
            state=FINISHED,
            finding_count=0,
            start_sequence__lte=OuterRef("start_sequence"),
            end_sequence__gte=OuterRef("reached_sequence"),
            started_at__gte=OuterRef("ended_at"),
        )
        wrong = Verification.objects.filter(finding_count__gt=0, ended_at__isnull=False)
        return Latest(
            finished.first(),
            finished.filter(finding_count=0).first(),
            wrong.exclude(Exists(refuted)).order_by("-pk").first(),
        )
