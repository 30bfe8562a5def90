"""How the ledger stands at one moment: halted or not, where it should end, where it does end.

It must never read these in more than one statement: they are compared with one another.
"""

from __future__ import annotations

from dataclasses import dataclass

from events.event import GENESIS_HASH
from events.store.connection import fetch_one
from events.store.ledger import EMPTY, Halt, Head


@dataclass(frozen=True, slots=True)
class Standing:
    """One snapshot. `halt` None: the row of the halt state is gone, so nothing is appended."""

    halt: Halt | None
    head: Head
    tail_sequence: int
    tail_hash: str

    @property
    def ends_at_head(self) -> bool:
        """Whether the last event is the one that the last append wrote."""
        return (self.tail_sequence, self.tail_hash) == (
            self.head.max_sequence,
            self.head.content_hash,
        )

    @property
    def last_sequence(self) -> int:
        """The highest sequence that anything in the ledger speaks of."""
        return max(self.head.max_sequence, self.tail_sequence)


def read_standing(using: str) -> Standing:
    """The standing of the ledger now."""
    row = fetch_one(using, "standing")
    return Standing(
        halt=None if row[0] is None else Halt(*row[:4]),
        head=EMPTY if row[4] is None else Head(*row[4:8]),
        tail_sequence=row[8] or 0,
        tail_hash=row[9] or GENESIS_HASH,
    )
