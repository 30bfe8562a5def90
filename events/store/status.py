"""How the ledger stands at one moment: halted or not, where it should end, where it does end.

It must never read these in more than one statement: they are compared with one another.

How fast events come in, read from the record of appends. It must never count rows: the record
carries the running count.

Which agents write most. It must never read an event, only the index by agent.

How far a replica is behind its primary, measured by the ledger's own appends.

It must never wait for a replica to catch up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from events.format.event import GENESIS_HASH
from events.store.connection import fetch_all, fetch_one
from events.store.ledger import EMPTY, Halt, Head


@dataclass(frozen=True, slots=True)
class LedgerTail:
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


def read_tail(using: str) -> LedgerTail:
    """The standing of the ledger now."""
    row = fetch_one(using, "standing")
    return LedgerTail(
        halt=None if row[0] is None else Halt(*row[:4]),
        head=EMPTY if row[4] is None else Head(*row[4:8]),
        tail_sequence=row[8] or 0,
        tail_hash=row[9] or GENESIS_HASH,
    )


@dataclass(frozen=True, slots=True)
class Mark:
    """The last append before a moment: where it ended, and how many events there were by then."""

    last_sequence: int
    event_count: int


def marks_before(using: str, moments: Sequence[datetime]) -> list[Mark]:
    """The last append before each moment, in the order of the moments, which must rise."""
    return [Mark(*row) for row in fetch_all(using, "appends_before", {"moments": list(moments)})]


def busiest_agents(using: str, after: int, *, limit: int) -> list[tuple[str | None, int]]:
    """Agents (None: the system) and their events after a sequence, the busiest first."""
    rows = fetch_all(using, "busiest_agents", {"after": after, "limit": limit})
    return [(agent_id, count) for agent_id, count in rows]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a server shows. `lsn`: up to where it has replayed; None unless it is a standby."""

    lsn: str | None
    head_sequence: int


@dataclass(frozen=True, slots=True)
class Lacking:
    """What a replica lacks: the primary's head, and for how many seconds it has been behind."""

    head_sequence: int
    seconds: float


def read_replayed(using: str) -> Replayed:
    """How far the server of this connection is."""
    return Replayed(*fetch_one(using, "replayed"))


def read_lacking(primary: str, head_sequence: int) -> Lacking:
    """What a replica with this head lacks, as its primary knows."""
    head, seconds = fetch_one(primary, "appends_lacking", {"sequence": head_sequence})
    return Lacking(int(head), max(round(float(seconds), 3), 0.0))
