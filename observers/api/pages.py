"""One page of a range of events: what is in it, where it ends, where to go on.

It must never hold more than a page, nor let large payloads make a page large.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import orjson

from events.api.rendering import encode
from events.event import Event
from events.store.ledger import EventFilter, PostgresEventStore
from observers.completeness import Ends

FETCH = 100
"""Events read at a time: with payloads of 1 MiB that is what memory has to hold."""

MAX_PAGE_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Page:
    """Events as JSON, and the range start … end that was answered with them.

    `end` is the last number that was looked at, whether or not an event with it passed the
    filter; below `start` when there was nothing to look at.
    """

    events: list[orjson.Fragment]
    start: int
    end: int
    more: bool


def read_page(store: PostgresEventStore, chosen: EventFilter, ends: Ends, *, limit: int) -> Page:
    """The first `limit` events that pass the filter, or fewer if they are large."""
    start = chosen.start or 1
    last = ends.last if chosen.end is None else min(chosen.end, ends.last)
    events, size, reached = [], 0, max(last, start - 1)
    for event in _walk(store, replace(chosen, start=start, end=last), limit):
        events.append(orjson.Fragment(text := encode(event)))
        size += len(text)
        if len(events) == limit or size >= MAX_PAGE_BYTES:
            reached = event.sequence
            break
    return Page(events, start, reached, reached < last)


def _walk(store: PostgresEventStore, chosen: EventFilter, limit: int) -> Iterator[Event]:
    while limit > 0 and chosen.start is not None and chosen.start <= (chosen.end or 0):
        found = store.select(chosen, limit=min(limit, FETCH))
        yield from found
        if len(found) < FETCH:
            return
        limit -= len(found)
        chosen = replace(chosen, start=found[-1].sequence + 1)
