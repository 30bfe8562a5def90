"""Searches events by a filter, one window of the sequence at a time.

No index serves every filter, so a search stops at its time limit and reports exactly how far it
got.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from django.db import DatabaseError, transaction

from events.errors import LedgerError
from events.format.event import Event
from events.store.connection import LedgerUnavailableError, fetch_one, sqlstate
from events.store.ledger import EventFilter, PostgresEventStore

SMALLEST, FIRST = 1_000, 8_000
"""Width of a window, in sequence numbers: minimum and initial value."""

RARE = FIRST * 4
"""Window width from which warned events are rare enough to start from the warnings."""

PATIENCE = 0.8
"""Share of the remaining time that starting from the warnings may take before falling back to
windows."""

QUICK, SLOW = 0.05, 0.2
"""Seconds of a query below which the next window is wider, and above which it is narrower."""

QUERY_CANCELED = "57014"


class _OutOfTimeError(LedgerError):
    """The statement hit its timeout."""


@dataclass(frozen=True, slots=True)
class Found:
    """Events of one range; every number up to `reached` was searched.

    `stopped`: the time limit came before the end of the range and before `limit` events.
    """

    events: list[Event]
    reached: int
    stopped: bool = False


def search(
    store: PostgresEventStore,
    chosen: EventFilter,
    *,
    limit: int,
    seconds: float,
    newest_first: bool = False,
) -> Found:
    """At most `limit` events of `chosen.start` … `chosen.end`, both given, that pass the filter.

    At least one window is searched, so a caller that repeats from `reached` gets to the end.
    """
    low, high = chosen.start or 1, chosen.end or 0
    if not chosen.narrows:
        events = store.select(chosen, limit=limit, newest_first=newest_first)
        return Found(events, _reached(events, limit, low if newest_first else high))
    deadline = time.monotonic() + seconds
    found: list[Event] = []
    width, stopped, tried = FIRST, False, False
    while low <= high and not stopped:
        if chosen.drifted and width >= RARE and not tried:
            tried = True
            rest, room = replace(chosen, start=low, end=high), limit - len(found)
            with suppress(_OutOfTimeError), _at_most(store.using, PATIENCE * _left(deadline)):
                warned = store.select_warned(rest, limit=room, newest_first=newest_first)
                end = _reached(warned, room, low if newest_first else high)
                return Found(found + warned, end)
        window = _window(low, high, width, newest_first=newest_first)
        began = time.monotonic()
        try:
            with _at_most(store.using, deadline - began if width > SMALLEST else None):
                found += store.select(
                    replace(chosen, start=window[0], end=window[1]),
                    limit=limit - len(found),
                    newest_first=newest_first,
                )
        except _OutOfTimeError:
            width = max(SMALLEST, width // 8)
            stopped = _looked_at(chosen, low, high)
            continue
        if len(found) == limit:
            return Found(found, found[-1].sequence)
        low, high = (low, window[0] - 1) if newest_first else (window[1] + 1, high)
        width = _next_width(width, time.monotonic() - began)
        stopped = low <= high and time.monotonic() >= deadline
    return Found(found, high + 1 if newest_first else low - 1, stopped)


def _left(deadline: float) -> float:
    return deadline - time.monotonic()


def _window(low: int, high: int, width: int, *, newest_first: bool) -> tuple[int, int]:
    """The next window, from the end that is read first."""
    if newest_first:
        return max(low, high - width + 1), high
    return low, min(high, low + width - 1)


def _looked_at(chosen: EventFilter, low: int, high: int) -> bool:
    """True if a window has been searched already; otherwise the smallest one still must be."""
    return (low, high) != (chosen.start or 1, chosen.end or 0)


def _reached(events: list[Event], limit: int, end: int) -> int:
    return events[-1].sequence if len(events) == limit else end


def _next_width(width: int, took: float) -> int:
    if took < QUICK:
        return width * 4
    return max(SMALLEST, width // 2) if took > SLOW else width


@contextmanager
def _at_most(using: str, seconds: float | None) -> Iterator[None]:
    """Run with a statement timeout in seconds; None for no limit.

    Raises:
        _OutOfTimeError: the timeout was hit.
    """
    if seconds is None:
        yield
        return
    limit = f"{max(1, int(seconds * 1000))}ms"
    try:
        with transaction.atomic(using=using):
            fetch_one(using, "search.statement_timeout", {"limit": limit})
            yield
    except LedgerUnavailableError as error:
        cause = error.__cause__
        if isinstance(cause, DatabaseError) and sqlstate(cause) == QUERY_CANCELED:
            raise _OutOfTimeError("the search was stopped") from error
        raise
