"""Finds what every page shows before the first page is asked for, when a server process begins.

It must never keep a process from serving: without a database it gives up, and a page tries again.
"""

from __future__ import annotations

import threading

import structlog
from django.db import DatabaseError, connections

from events.errors import LedgerError
from observers.pages.standing import read_outlook

log = structlog.get_logger(__name__)


def warm_up_beside() -> None:
    """Warm up in a thread of its own."""
    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()


def warm_up() -> None:
    """Scan for gaps and look at the guards once, so that the answers are remembered."""
    try:
        read_outlook()
    except (LedgerError, DatabaseError) as error:
        log.warning("not_warmed_up", reason=str(error).splitlines()[0])
    finally:
        connections.close_all()
