"""Verifying only what is new since the last sound verification from sequence 1 that is on record.

It must never trust that what was sound still stands: the event at the seam must hash as it did.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from events.errors import LedgerError
from events.models import Verification
from events.store.ledger import PostgresEventStore
from events.store.neighbours import neighbours
from observers.checks import Check, Finding
from observers.verifications import latest


class NothingSoundError(LedgerError):
    """No sound verification from sequence 1 is on record."""


@dataclass(frozen=True, slots=True)
class Base:
    """The verification that an incremental one goes on from."""

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
    """The last sound verification from sequence 1.

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
    """Where the ledger does not end, or does not hash, as the verification left it."""
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
