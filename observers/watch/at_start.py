"""Checks made when a portal starts, before anything is repaired or served. A finding does not
prevent serving reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import structlog
from django.db import DatabaseError, connections

from events.append.services import writer
from events.errors import LedgerError
from events.halting import halt
from events.store.connection import first_line
from events.store.guards import read_versions
from events.store.status import read_tail
from observers.guards.look import compare_guards
from observers.heads.rollback import find_rollback, halt_rolled_back
from observers.heads.seen import SavedHeadError
from observers.heads.store import memory_of
from observers.watch.memory import look_memory_of
from observers.watch.watch import Watch

log = structlog.get_logger(__name__)


def check_before_serving() -> None:
    """Halts when the head is not the last event or a seen head is lost (CT-11, CT-13), and logs
    guards that are not in place."""
    try:
        standing = read_tail("default")
        if not standing.ends_at_head:
            reason = (
                f"at start, events end at {standing.tail_sequence} ({standing.tail_hash}), the "
                f"head says {standing.head.max_sequence} ({standing.head.content_hash})"
            )
            log.critical("head_mismatch", why=f"CT-13: {reason}")
            halt(writer(), reason=reason, by="portal")
        _look_for_rollback()
        deviations = compare_guards().deviations
        if deviations:
            log.error("guards_not_in_place", count=len(deviations), first=str(deviations[0]))
    except (LedgerError, DatabaseError) as error:
        log.warning("not_looked_before_serving", why=first_line(error))
    finally:
        connections.close_all()


@contextmanager
def repair_on_record() -> Iterator[None]:
    """Wraps the repair of database rights: deviations found before are recorded in the ledger as
    findings of the watch, because a silent repair would leave no trace."""
    watch, deviated = Watch(), True  # what cannot be asked before is asked after
    with _logged_if_unavailable():
        deviated = bool(compare_guards().deviations)
        if deviated:
            watch.look()
    yield
    if deviated:  # what could not be written before may be now
        with _logged_if_unavailable():
            _take_repairs_for_known()
            watch.look()


def _take_repairs_for_known() -> None:
    """Notes the repaired guards as known, so that the watch does not report our own repair as an
    alteration."""
    memory = look_memory_of()
    before = memory.read()
    if before:
        memory.note(replace(before, versions=read_versions()))


@contextmanager
def _logged_if_unavailable() -> Iterator[None]:
    try:
        yield
    except (LedgerError, DatabaseError) as error:
        log.warning("guards_not_looked_at", why=first_line(error))


def _look_for_rollback() -> None:
    try:
        rollback = find_rollback("default", memory_of())
    except SavedHeadError as error:
        log.critical("seen_heads_unreadable", why=str(error))
        return
    if rollback:
        halt_rolled_back(rollback)
