"""Looks at the sequence for every page and answer, in a thread of each server process.

It must never keep a process from serving: without a database it waits and tries again.
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
"""Seconds between two looks. The database shares one round among all who look."""

AWAY = 15.0
"""Seconds until the next try after the database did not answer."""


def warm_up_beside() -> None:
    """Warm up, then go on looking, in a thread of its own."""
    threading.Thread(target=_look_on, name="looking", daemon=True).start()


def warm_up() -> None:
    """Find once what every page shows, so that the answers are remembered."""
    try:
        while refresh_continuity_cache("default"):
            pass
        read_status()
    except (LedgerError, DatabaseError) as error:
        log.warning("not_warmed_up", reason=str(error).splitlines()[0])
    finally:
        connections.close_all()


def look_once() -> float:
    """Look at what is due; the seconds until the next look."""
    try:
        refresh_continuity_cache("default")
    except (LedgerError, DatabaseError) as error:
        log.warning("not_looked_at_the_sequence", reason=str(error).splitlines()[0])
        connections.close_all()
        return AWAY
    return PAUSE


def _look_on() -> None:
    warm_up()
    pause = threading.Event()
    while True:
        pause.wait(look_once())
