"""Appending: the lock, the head, the rows. It must never run outside a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connections

from events.errors import LedgerConfigurationError, LedgerError
from events.event import FIELDS, Event
from events.store.connection import execute, fetch_one


class NoTransactionError(LedgerError):
    """The append protocol was started outside a transaction: its lock would guard nothing."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known under the lock: the head, this append's authority time, the drift threshold
    that the trigger is going to use (seconds)."""

    last_sequence: int
    content_hash: str
    authority_timestamp: str
    drift_threshold: Decimal


PATIENCE_MS = 5000
"""How long an append that is not tried again waits for the ledger's lock."""

INSERTED = tuple(name for name in FIELDS if name != "sequence")


def open_append(using: str, patience_ms: int = PATIENCE_MS) -> Opening:
    """Take the ledger's lock until the end of the transaction, and read the head.

    Raises:
        NoTransactionError: no transaction is open.
        SystemHaltedError: CT-11, the ledger is halted.
        HeadMismatchError: CT-13, the tail of `events` is not the head.
        LedgerConfigurationError: AC4, the drift threshold is gone.
        LedgerHeldError: the lock did not come within `patience_ms`.
    """
    _require_transaction(using)
    return checked_opening(fetch_one(using, "open_append", {"patience": patience_ms}))


def checked_opening(row: Sequence[Any]) -> Opening:
    """What `open_append.sql` answers, as values or as texts.

    Raises:
        LedgerConfigurationError: AC4, the drift threshold is gone.
    """
    last_sequence, content_hash, authority_timestamp, drift_threshold = row
    if drift_threshold is None:
        raise LedgerConfigurationError("AC4: the drift threshold is gone from ledger_config")
    return Opening(int(last_sequence), content_hash, authority_timestamp, Decimal(drift_threshold))


def insert_events(using: str, events: Sequence[Event]) -> None:
    """Insert events in order; the triggers re-check each of them.

    Raises:
        AppendRefusedError: a trigger found one of them wrong, and nothing was written.
        HeadMismatchError: CT-13, the trigger that records the append is not in force.
    """
    _require_transaction(using)
    columns = {name: [getattr(event, name) for event in events] for name in INSERTED}
    if execute(using, "insert_events", columns):
        fetch_one(using, "confirm_append")


def _require_transaction(using: str) -> None:
    if not connections[using].in_atomic_block:
        raise NoTransactionError("FR7: appending needs an open transaction")
