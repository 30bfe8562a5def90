"""Before a server serves: the head must be the last event, or the ledger is halted, aloud.

It must never keep a server from serving: reading goes on.
"""

from __future__ import annotations

import structlog
from django.db import DatabaseError, connections

from events.composition import writer
from events.errors import LedgerError
from events.halting import halt
from events.store.connection import first_line
from events.store.standing import read_standing
from observers.guards.look import look_at_guards

log = structlog.get_logger(__name__)


def look_before_serving() -> None:
    """CT-11, CT-13: halt on a head that is not the last event; name guards not in place."""
    try:
        standing = read_standing("default")
        if not standing.ends_at_head:
            reason = (
                f"at start, events end at {standing.tail_sequence} ({standing.tail_hash}), the "
                f"head says {standing.head.max_sequence} ({standing.head.content_hash})"
            )
            log.critical("head_mismatch", why=f"CT-13: {reason}")
            halt(writer(), reason=reason, by="portal")
        deviations = look_at_guards().deviations
        if deviations:
            log.error("guards_not_in_place", count=len(deviations), first=str(deviations[0]))
    except (LedgerError, DatabaseError) as error:
        log.warning("not_looked_before_serving", why=first_line(error))
    finally:
        connections.close_all()
