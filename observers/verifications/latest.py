"""When the ledger was last verified from its beginning. It must never count what did not end."""

from __future__ import annotations

from dataclasses import dataclass

from events.models import Verification
from events.store.connection import named_errors
from observers.verifications.states import FINISHED


@dataclass(frozen=True, slots=True)
class Latest:
    """The last finished verification that began at sequence 1, whatever it found, and the last
    such one that found nothing. They are the same when all is well; None when there is none."""

    finished: Verification | None
    sound: Verification | None


def latest() -> Latest:
    """How the ledger last stood to verification."""
    with named_errors():
        finished = Verification.objects.filter(state=FINISHED, start_sequence=1).order_by("-pk")
        return Latest(finished.first(), finished.filter(finding_count=0).first())
