"""The export: a span of the ledger as JSON lines or CSV, streamed.

It must never hold more than a page of events, nor keep a transaction open: it reads by sequence,
page after page, and what is appended meanwhile lies beyond its end.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from events.event import FIELDS, Event, event_json
from events.store.ledger import EventFilter, PostgresEventStore
from events.store.search import search

FETCH = 100
"""Events read at a time: with payloads of 1 MiB that is what memory has to hold."""

SEARCH = 5.0
"""Seconds of one search; the next goes on where it stopped."""

_PIECE = 2**16


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write an export.

    `write` gives the bytes of one event. `broken` is the beginning of a record that never ends:
    no reader of the format takes a file that stops there.
    """

    media_type: str
    header: bytes
    write: Callable[[Event], bytes]
    broken: bytes


def stream(store: PostgresEventStore, form: Format, chosen: EventFilter) -> Iterator[bytes]:
    """The events of chosen.start … chosen.end, both given, that pass the filter, in pieces.

    An error must not let the part pass for the whole. Raising is not enough: granian ends the
    answer of a WSGI application that raises as if it were complete. So the file is spoilt first.
    """
    piece = bytearray(form.header)
    try:
        for event in walk(store, chosen):
            piece += form.write(event)
            if len(piece) >= _PIECE:
                yield bytes(piece)
                piece.clear()
    except Exception:
        yield bytes(piece + form.broken)
        raise
    if piece:
        yield bytes(piece)


def walk(store: PostgresEventStore, chosen: EventFilter) -> Iterator[Event]:
    """The events that pass, a small page at a time."""
    start, end = chosen.start or 1, chosen.end or 0
    while start <= end:
        found = search(store, replace(chosen, start=start), limit=FETCH, seconds=SEARCH)
        yield from found.events
        start = found.reached + 1


def _json_line(event: Event) -> bytes:
    return event_json(event) + b"\n"


def _csv_row(event: Event) -> bytes:
    """RFC 4180. Values are not altered, not even those that a spreadsheet would run."""
    columns = [getattr(event, name) for name in FIELDS]
    columns[FIELDS.index("payload")] = event.canonical_payload.decode()
    return _csv(columns)


def _csv(values: list[object] | tuple[str, ...]) -> bytes:
    row = io.StringIO()
    csv.writer(row).writerow(values)
    return row.getvalue().encode()


FORMATS = {
    "jsonl": Format("application/x-ndjson", b"", _json_line, b'{"export":"broke off'),
    "csv": Format(
        "text/csv; charset=utf-8; header=present", _csv(FIELDS), _csv_row, b'"export broke off'
    ),
}
