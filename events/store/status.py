"""The current state of the ledger: halt, head and tail, rate, busiest agents, replication lag.

Rates come from the running count in `appends`, and agents from an index; no events are counted.
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
    """Halt state, head and tail of one snapshot: one statement, because they are compared. `halt`
    None: the row is missing, so nothing can be appended."""

    halt: Halt | None
    head: Head
    tail_sequence: int
    tail_hash: str

    @property
    def ends_at_head(self) -> bool:
        """True if the last event is the one that the last append wrote."""
        return (self.tail_sequence, self.tail_hash) == (
            self.head.max_sequence,
            self.head.content_hash,
        )

    @property
    def last_sequence(self) -> int:
        """The highest sequence that events or head name."""
        return max(self.head.max_sequence, self.tail_sequence)


def read_tail(using: str) -> LedgerTail:
    """Read the present state."""
    row = fetch_one(using, "status.tail")
    return LedgerTail(
        halt=None if row[0] is None else Halt(*row[:4]),
        head=EMPTY if row[4] is None else Head(*row[4:8]),
        tail_sequence=row[8] or 0,
        tail_hash=row[9] or GENESIS_HASH,
    )


@dataclass(frozen=True, slots=True)
class Mark:
    """The last append before a moment: its last sequence, and the number of events by then."""

    last_sequence: int
    event_count: int


def marks_before(using: str, moments: Sequence[datetime]) -> list[Mark]:
    """The last append before each moment. The moments must rise."""
    return [
        Mark(*row) for row in fetch_all(using, "status.appends_before", {"moments": list(moments)})
    ]


def busiest_agents(using: str, after: int, *, limit: int) -> list[tuple[str | None, int]]:
    """Agents (None: the system) and their number of events after a sequence, busiest first."""
    rows = fetch_all(using, "status.busiest_agents", {"after": after, "limit": limit})
    return [(agent_id, count) for agent_id, count in rows]


@dataclass(frozen=True, slots=True)
class Replayed:
    """The position of a server. `lsn`: replayed up to here; None unless it is a standby."""

    lsn: str | None
    head_sequence: int


@dataclass(frozen=True, slots=True)
class Lacking:
    """The lag of a replica: the primary's head, and for how many seconds the replica has been
    behind."""

    head_sequence: int
    seconds: float


def read_replayed(using: str) -> Replayed:
    """Read the position of this connection's server."""
    return Replayed(*fetch_one(using, "status.replayed"))


def read_lacking(primary: str, head_sequence: int) -> Lacking:
    """The lag of a replica with this head, as measured at its primary."""
    head, seconds = fetch_one(primary, "status.lacking", {"sequence": head_sequence})
    return Lacking(int(head), max(round(float(seconds), 3), 0.0))
