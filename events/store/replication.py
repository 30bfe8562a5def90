"""How far a replica is behind its primary, measured by the ledger's own appends.

It must never wait for a replica to catch up.
"""

from __future__ import annotations

from dataclasses import dataclass

from events.store.connection import fetch_one


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
