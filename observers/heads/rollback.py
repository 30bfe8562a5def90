"""Compares seen heads with the ledger, and detects a rollback, such as a restored old backup.

Invariants: a loss counts as acknowledged only by the ceremony that cleared the halt naming it, and
a head counts as kept only when its event is there, not by the record of appends alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from events.append.services import writer
from events.format.event import GENESIS_HASH
from events.halting import Halted, halt
from events.store.integrity import Kept, cleared_halts, hashes_at
from events.store.ledger import PostgresEventStore
from observers.heads.seen import SeenHead
from observers.heads.store import SeenHeadStore

log = structlog.get_logger(__name__)

NOTHING = Kept()
EMPTY = Kept(GENESIS_HASH, GENESIS_HASH)
"""The hash in an empty ledger's head: it names no event, and is always the same."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A seen head, the event the ledger has at its sequence, and the ledger's last sequence."""

    head: SeenHead
    kept: Kept
    last: int

    @property
    def is_kept(self) -> bool:
        """True when the seen event is in the ledger."""
        return self.kept.event_hash == self.head.content_hash

    @property
    def is_lost(self) -> bool:
        """True when neither event nor append is there, so the ledger is not the one that was seen.
        A missing event whose append remains is a gap, which is found as one."""
        return not self.is_kept and self.kept.append_hash != self.head.content_hash

    @property
    def found(self) -> str:
        """Describes what is there instead."""
        if self.is_kept:
            return "it is there"
        if self.kept.event_hash is not None:
            return f"the ledger has a different event there, {self.kept.event_hash}"
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
    """Pairs each head with the state of the ledger, in the order given."""
    wanted = list(heads)
    if not wanted:
        return []
    kept = hashes_at(using, (head.sequence for head in wanted)) | {0: EMPTY}
    last = PostgresEventStore(using).last_sequence()
    return [Compared(head, kept.get(head.sequence, NOTHING), last) for head in wanted]


BEGINNING = "the ledger was rolled back: "
"""The start of such a halt's reason. The ceremony that clears it repeats the reason, and with it
the hash of the lost head: that is its acknowledgement."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """The last seen head that is lost, the present head, and the last one kept."""

    lost: Compared
    head: SeenHead
    """The head that the ledger has now."""
    kept: SeenHead | None

    @property
    def reason(self) -> str:
        """Returns one sentence with both sequences and both hashes."""
        when = f", at {self.lost.head.authority_timestamp}," if self._has_time else ""
        kept = f"; the last one seen that is kept is {self.kept}" if self.kept else ""
        return (
            f"{BEGINNING}the head {self.lost.head}{when} was seen here, but {self.lost.found}; "
            f"its head is now {self.head}{kept}"
        )

    @property
    def _has_time(self) -> bool:
        return self.lost.head.authority_timestamp is not None

    def as_dict(self) -> dict[str, Any]:
        """Returns the payload members of the watch's event."""
        return {
            "seen_sequence": self.lost.head.sequence,
            "seen_hash": self.lost.head.content_hash,
            "seen_at": self.lost.head.authority_timestamp,
            "found_hash": self.lost.kept.event_hash,
            "head_sequence": self.head.sequence,
            "head_hash": self.head.content_hash,
            "kept_sequence": self.kept.sequence if self.kept else None,
        }


def current_head(using: str) -> SeenHead:
    """Returns the ledger's present head."""
    head = PostgresEventStore(using).head()
    return SeenHead(head.max_sequence, head.content_hash, head.authority_timestamp)


def find_rollback(using: str, memory: SeenHeadStore) -> Rollback | None:
    """Compares the seen heads with the ledger and drops losses that a ceremony acknowledged.

    While a loss is open, no new head is saved: it would hide the one that was lost.

    Raises:
        SavedHeadError: what was seen cannot be read.
    """
    head = current_head(using)  # before the comparison: what comes meanwhile is only newer
    rollback = rollback_from(using, memory.read(), head)
    if rollback and acknowledgement(using, str(rollback.lost.head)) is not None:
        log.warning("loss_acknowledged", lost=str(rollback.lost.head), head=str(head))
        memory.forget_through(rollback.lost.head)
        rollback = rollback_from(using, memory.read(), head)
    if rollback is None:
        memory.note(head)
    return rollback


def rollback_from(using: str, seen: Sequence[SeenHead], head: SeenHead) -> Rollback | None:
    """Returns the rollback that these heads, oldest first, show."""
    compared = compare(using, seen)
    lost = [each for each in compared if each.is_lost]
    if not lost:
        return None
    kept = [each.head for each in compared if each.is_kept]
    return Rollback(lost[-1], head, kept[-1] if kept else None)


def acknowledgement(using: str, lost: str) -> int | None:
    """Returns the event of the ceremony that acknowledged the loss of a head, given as `SeenHead`
    prints it or its beginning."""
    named = f"the head {lost}"
    halts = cleared_halts(using, BEGINNING)
    return next((sequence for sequence, reason in halts if named in reason), None)


def halt_rolled_back(rollback: Rollback) -> Halted:
    """Halts and names both heads (CT-11, CT-13); a ledger halted already keeps its reason.

    Raises:
        LedgerError: it could not be halted.
    """
    log.critical("ledger_rolled_back", why=f"CT-13: {rollback.reason}", **rollback.as_dict())
    return halt(writer(), reason=rollback.reason, by="portal")
