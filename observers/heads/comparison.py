"""Compares heads that were seen with what the ledger has at their numbers.

It must never call a head kept on the word of `appends` alone where an event is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from events.event import GENESIS_HASH
from events.store.heads import Kept, hashes_at
from events.store.ledger import PostgresEventStore
from observers.heads.seen import SeenHead

NOTHING = Kept()
EMPTY = Kept(GENESIS_HASH, GENESIS_HASH)
"""What an empty ledger's head names: no event, but always the same hash."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A seen head, what the ledger has there, and where it ends (its last number)."""

    head: SeenHead
    kept: Kept
    last: int

    @property
    def is_kept(self) -> bool:
        """Whether the event that was seen is in the ledger."""
        return self.kept.event_hash == self.head.content_hash

    @property
    def is_lost(self) -> bool:
        """Whether nothing speaks of it any more, so that the ledger is not the one that was seen.
        An event that is gone while its append stands is a gap, which is found as one."""
        return not self.is_kept and self.kept.append_hash != self.head.content_hash

    @property
    def found(self) -> str:
        """What is there in its place, in words."""
        if self.is_kept:
            return "it is there"
        if self.kept.event_hash is not None:
            return f"the ledger has another event there, {self.kept.event_hash}"
        if self.head.sequence > self.last:
            return f"the ledger ends at {self.last}"
        return "the event is missing"

    def as_dict(self) -> dict[str, Any]:
        """In JSON."""
        return self.head.as_dict() | {
            "in_ledger": self.is_kept,
            "found_hash": self.kept.event_hash,
            "found": self.found,
        }


def compare(using: str, heads: Iterable[SeenHead]) -> list[Compared]:
    """Each head beside what the ledger has, in the order given."""
    wanted = list(heads)
    if not wanted:
        return []
    kept = hashes_at(using, (head.sequence for head in wanted)) | {0: EMPTY}
    last = PostgresEventStore(using).last_sequence()
    return [Compared(head, kept.get(head.sequence, NOTHING), last) for head in wanted]
