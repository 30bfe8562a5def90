"""Halts the ledger (CT-11): the halt and the event that records it, in one transaction.

Invariant: a halt never fails because its event cannot be written. Then the database keeps the
record, and the ceremony that clears the halt writes it.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from django.db import DatabaseError, transaction

from events.append.writer import AtomicEventWriter
from events.errors import LedgerError
from events.format import names
from events.format.canonical import canonicalize
from events.format.event import Event, new_event_id
from events.store import ceremonies
from events.store.connection import first_line, named_errors
from events.store.ledger import Halt, PostgresEventStore
from events.submission import Submission

log = structlog.get_logger(__name__)

HALTED = "system.halted"


class HaltReasonError(LedgerError):
    """CT-11: the reason or the name for a halt is missing or cannot be displayed."""


@dataclass(frozen=True, slots=True)
class Halted:
    """The halt that is in force. `is_new`: this call declared it. `event` records it in the chain;
    if it could not be written, it is None and `unwitnessed_because` gives the reason."""

    state: Halt
    is_new: bool
    event: Event | None
    unwitnessed_because: str | None


def halt(writer: AtomicEventWriter, *, reason: str, by: str) -> Halted:
    """Stop every append by any writer, within a second. A ledger that is already halted is left as
    it is.

    Raises:
        HaltReasonError: reason or name is missing or cannot be displayed.
        LedgerUnavailableError: the database is unavailable; whether it is halted is unknown.
    """
    reason, by = names.normal(reason), names.normal(by)
    for name, wrong in (("reason", names.wrong_reason(reason)), ("name", names.wrong_name(by))):
        if wrong:
            raise HaltReasonError(f"CT-11: the {name} of a halt {wrong}")
    event, because = None, None
    try:
        event = _halt_witnessed(writer, reason, by)
        is_new = event is not None
    except (LedgerError, DatabaseError) as error:
        because = first_line(error)
        is_new = _halt_unwitnessed(writer.using, reason, by, because)
    state = PostgresEventStore(writer.using).halt()
    _log(state, event, because if is_new else None, is_new)
    return Halted(state, is_new, event, because if is_new else None)


def _halt_witnessed(writer: AtomicEventWriter, reason: str, by: str) -> Event:
    """Write the event and the halt, both or neither."""
    payload = canonicalize({"by": by, "reason": reason})
    submission = Submission(HALTED, payload, agent_id=None, event_id=new_event_id())
    with named_errors(), transaction.atomic(using=writer.using, durable=True):
        (event,) = writer.append_in_transaction([submission], ceremonies.LOCK_MILLISECONDS)
        ceremonies.halt_ledger(writer.using, reason=reason, by=by, witnessed_by=event.event_id)
    return event


def _halt_unwitnessed(using: str, reason: str, by: str, because: str) -> bool:
    with named_errors(), transaction.atomic(using=using, durable=True):
        return ceremonies.halt_ledger(using, reason=reason, by=by, unwitnessed_because=because)


def _log(state: Halt, event: Event | None, because: str | None, is_new: bool) -> None:
    log.critical(
        "ledger_halted",
        reason=state.reason,
        by=state.halted_by,
        halted_at=state.halted_at,
        is_new=is_new,
        sequence=event.sequence if event else None,
        unwitnessed_because=because,
    )
