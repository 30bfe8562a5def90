"""Seals what the portal itself noted of a verification, by a secret that is not in the database,
whose roles can write such rows too.

A seal holds for its own record at its own place, and records are never removed, so an old one put
back says nothing that was not so.
"""

from __future__ import annotations

from typing import Any

from events.errors import LedgerError
from events.models import Verification, VerificationRange
from observers.seals import holds, seal
from observers.verifications.states import FINISHED


class ForgedRecordError(LedgerError):
    """What stands in the database of a verification was not noted by this portal."""


def seal_record(record: Verification) -> str:
    """The seal of a record as it stands: how far it is, how much it found, whether it ended."""
    return seal("verification", _figures(record))


def is_sealed(record: Verification) -> bool:
    """Whether this portal noted what the record says."""
    return holds(record.seal, seal_record(record))


def require_noted(record: Verification) -> None:
    """Refuse to go on with a record that somebody else moved on.

    Raises:
        ForgedRecordError: it is neither untouched nor sealed.
    """
    untouched = [0] * 4 if record.reached_sequence == record.start_sequence - 1 else None
    counts = [record.checked, record.finding_count, record.documented_gap_count]
    if [*counts, record.backward_steps] != untouched and not is_sealed(record):
        raise ForgedRecordError(f"what verification {record.pk} says was not noted by this portal")


def seal_range(done: VerificationRange) -> str:
    """The seal of what was found in a range."""
    place = [done.verification_id, done.start_sequence, done.end_sequence]
    return seal("range", [*place, done.figures])


def require_sealed(done: VerificationRange) -> None:
    """Refuse what somebody else says was found.

    Raises:
        ForgedRecordError: it is not sealed.
    """
    if not holds(done.seal, seal_range(done)):
        raise ForgedRecordError(f"what was found in {done} was not noted by this portal")


def _figures(record: Verification) -> list[Any]:
    return [
        record.pk,
        record.start_sequence,
        record.end_sequence,
        record.state == FINISHED,
        record.reached_sequence,
        record.checked,
        record.finding_count,
        record.documented_gap_count,
        record.backward_steps,
        record.last_content_hash,
    ]
