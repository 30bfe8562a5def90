"""Builds one page of a range of events, bounded in number and bytes."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import orjson

from events.api.rendering import encode
from events.store.ledger import EventFilter, PostgresEventStore
from events.store.search import search
from observers.continuity import Ends

FETCH = 100
"""Events read at a time: with payloads of 1 MiB that is what memory has to hold."""

MAX_PAGE_BYTES = 32 * 2**20

MAX_SECONDS = 2.0
"""Time to search for a page's events, from which on it ends where it has got to."""


@dataclass(frozen=True, slots=True)
class Page:
    """Events as JSON, and the range start … end that was answered with them.

    `end` is the last number examined, whether or not an event with it passed the filter; below
    `start` when there was nothing to examine.
    """

    events: list[orjson.Fragment]
    start: int
    end: int
    more: bool


def read_page(store: PostgresEventStore, chosen: EventFilter, ends: Ends, *, limit: int) -> Page:
    """Returns the first `limit` events that pass the filter, or fewer if they are large or rare."""
    start = chosen.start or 1
    last = ends.last if chosen.end is None else min(chosen.end, ends.last)
    deadline = time.monotonic() + MAX_SECONDS
    events: list[orjson.Fragment] = []
    size, reached, stopped = 0, start - 1, False
    while reached < last and len(events) < limit and not stopped:
        found = search(
            store,
            replace(chosen, start=reached + 1, end=last),
            limit=min(limit - len(events), FETCH),
            seconds=deadline - time.monotonic(),
        )
        reached, stopped = found.reached, found.stopped
        for event in found.events:
            events.append(orjson.Fragment(text := encode(event)))
            size += len(text)
            if size >= MAX_PAGE_BYTES:
                reached, stopped = event.sequence, True
                break
    return Page(events, start, max(reached, start - 1), reached < last)
