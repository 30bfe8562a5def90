"""Refreshes the continuity cache from a background thread in each server process.

The server starts without waiting for it; if the database is unavailable, the thread retries.
"""

from __future__ import annotations

import threading

import structlog
from django.db import DatabaseError, connections

from events.errors import LedgerError
from events.store.sequence import refresh_continuity_cache
from observers.pages.status import read_status

log = structlog.get_logger(__name__)

PAUSE = 1.0
"""Seconds between refreshes. Processes share one scan through the database."""

RETRY = 15.0
"""Seconds until the retry after a database error."""


def start_warming() -> None:
    """Starts the background thread: warms up, then refreshes repeatedly."""
    threading.Thread(target=_run, name="warming", daemon=True).start()


def warm_up() -> None:
    """Computes once what every page shows, to fill the cache."""
    try:
        while refresh_continuity_cache("default"):
            pass
        read_status()
    except (LedgerError, DatabaseError) as error:
        log.warning("not_warmed_up", reason=str(error).splitlines()[0])
    finally:
        connections.close_all()


def refresh_once() -> float:
    """Refreshes once. Returns the seconds until the next refresh."""
    try:
        refresh_continuity_cache("default")
    except (LedgerError, DatabaseError) as error:
        log.warning("sequence_not_scanned", reason=str(error).splitlines()[0])
        connections.close_all()
        return RETRY
    return PAUSE


def _run() -> None:
    warm_up()
    pause = threading.Event()
    while True:
        pause.wait(refresh_once())
