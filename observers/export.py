"""Streams a span of the ledger as JSON lines or CSV.

Reads by sequence, part after part, in bounded memory and without a transaction that stays open
while the client reads. The end is fixed at the start, so later appends lie beyond it.

CSV for spreadsheets alters values, which CSV for machines never does: texts that would run as a
formula are prefixed and texts longer than a cell are cut. It is meant for reading, not for
verification.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from events.format import canonical
from events.format.event import FIELDS, Event, event_json
from events.store.ledger import EventFilter, PostgresEventStore
from events.store.ranges import CopiedEvent, UnusualRowError, copy_part
from events.store.search import search

BOM = b"\xef\xbb\xbf"
"""By this, spreadsheets know that the text is UTF-8."""

MAX_CELL = 32_767
"""Characters of a cell, in units of UTF-16, as Excel counts."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters of a cell that a spreadsheet runs, or trims before it runs the rest."""


def cell(value: object) -> object:
    """Makes a text safe for a spreadsheet cell; numbers stay numbers."""
    if not isinstance(value, str):
        return value
    if value.startswith(FORMULA):
        value = f"'{value}"
    return value if _units(value) <= MAX_CELL else _cut(value)


def rows(lines: Iterable[Iterable[object]]) -> bytes:
    """Writes rows of cells for a spreadsheet."""
    return csv_rows([cell(value) for value in line] for line in lines)


def csv_rows(lines: Iterable[Iterable[object]]) -> bytes:
    """Writes rows as RFC 4180 CSV. Values are not altered, not even those that a spreadsheet would
    run."""
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()


def spoil_on_failure(pieces: Iterable[bytes], broken: bytes) -> Iterator[bytes]:
    """Yields the pieces of a file, and after an error the beginning of a record that never ends.

    An error must not let the part pass for the whole. Raising is not enough: granian ends the
    answer of a WSGI application that raises as if it were complete.
    """
    try:
        yield from pieces
    except Exception:
        yield broken
        raise


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2 if 2 * len(text) > MAX_CELL else len(text)


def _cut(text: str) -> str:
    mark = f" … cut: {len(text):,} characters"
    room = MAX_CELL - len(mark)
    return text.encode("utf-16-le")[: 2 * room].decode("utf-16-le", "ignore") + mark


FETCH = 100
"""Events read at a time: with payloads of 1 MiB that is what memory has to hold."""

SEARCH = 1.0
"""Seconds of one search; the next goes on where it stopped, if the client is still there."""

NOTHING = b""
"""A piece by which the server finds out whether the client is still there; nothing is sent."""

_PIECE = 2**16


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write an export.

    `write` gives the bytes of one event, `splice` those of a copied row, or None where the row
    holds something that has to be escaped; `write` does that. `broken` is the beginning of a
    record that never ends: no reader of the format takes a file that stops there.
    """

    media_type: str
    header: bytes
    write: Callable[[Event], bytes]
    splice: Callable[[CopiedEvent, bytes], bytes | None]
    broken: bytes


def stream(store: PostgresEventStore, form: Format, chosen: EventFilter) -> Iterator[bytes]:
    """The events of chosen.start … chosen.end, both given, that pass the filter, in pieces."""
    return spoil_on_failure(_in_pieces(form.header, _records(store, form, chosen)), form.broken)


def _in_pieces(header: bytes, records: Iterable[bytes | None]) -> Iterator[bytes]:
    piece = bytearray(header)
    try:
        for record in records:
            if record is None:
                yield NOTHING
                continue
            piece += record
            if len(piece) >= _PIECE:
                yield bytes(piece)
                piece.clear()
    except Exception:
        yield bytes(piece)
        raise
    if piece:
        yield bytes(piece)


def _records(
    store: PostgresEventStore, form: Format, chosen: EventFilter
) -> Iterator[bytes | None]:
    """Each event as the format writes it; None after a search, whether or not it found any."""
    if chosen.narrows:
        for found in _searches(store, chosen):
            yield from map(form.write, found)
            yield None
        return
    start, end = chosen.start or 1, chosen.end or 0
    while start <= end:
        try:
            lines, reached = copy_part(store.using, start, end)
        except UnusualRowError:
            reached = min(end, start + FETCH - 1)
            yield from map(form.write, walk(store, replace(chosen, start=start, end=reached)))
        else:
            yield from (_record(form, CopiedEvent.read(line)) for line in lines)
        start = reached + 1


def _record(form: Format, row: CopiedEvent) -> bytes:
    payload = canonical.canonicalize_text(row.payload, stored=True)
    spliced = form.splice(row, payload)
    return form.write(row.event()) if spliced is None else spliced


def walk(store: PostgresEventStore, chosen: EventFilter) -> Iterator[Event]:
    """Yields the matching events, one small page at a time."""
    for found in _searches(store, chosen):
        yield from found


def _searches(store: PostgresEventStore, chosen: EventFilter) -> Iterator[Sequence[Event]]:
    start, end = chosen.start or 1, chosen.end or 0
    while start <= end:
        found = search(store, replace(chosen, start=start), limit=FETCH, seconds=SEARCH)
        yield found.events
        start = found.reached + 1


_PAYLOAD = FIELDS.index("payload")
_AGENT = FIELDS.index("agent_id")
_BARE = frozenset({"sequence", "hash_alg_version", "sig_alg_version", "payload", "agent_id"})
_JSON_LINE = (
    b"{"
    + b",".join(b'"%s":%s' % (n.encode(), b"%b" if n in _BARE else b'"%b"') for n in FIELDS)
    + b"}\n"
)
_CSV_ROW = b",".join([b"%b"] * len(FIELDS)) + b"\r\n"
_CONTROLS = bytes(range(0x20))


def _columns(row: CopiedEvent, agent: bytes, payload: bytes) -> tuple[bytes, ...]:
    """Returns the values in the order of the table."""
    columns = row.columns
    return (
        *columns[:_PAYLOAD],
        payload,
        *columns[_PAYLOAD : _AGENT - 1],
        agent,
        *columns[_AGENT:],
    )


def _splice_json(row: CopiedEvent, payload: bytes) -> bytes | None:
    texts = b"".join(row.columns)
    if b'"' in texts or b"\\" in texts or texts.translate(None, _CONTROLS) != texts:
        return None
    agent = row.columns[_AGENT - 1]
    return _JSON_LINE % _columns(row, b'"%b"' % agent if agent else b"null", payload)


def _splice_csv(row: CopiedEvent, payload: bytes) -> bytes | None:
    texts = b"".join(row.columns)
    if b'"' in texts or b"," in texts or texts.translate(None, _CONTROLS) != texts:
        return None
    if b'"' in payload or b"," in payload:
        payload = b'"%b"' % payload.replace(b'"', b'""')
    return _CSV_ROW % _columns(row, row.columns[_AGENT - 1], payload)


def _json_line(event: Event) -> bytes:
    return event_json(event) + b"\n"


def _csv_row(event: Event) -> bytes:
    columns = [getattr(event, name) for name in FIELDS]
    columns[FIELDS.index("payload")] = event.canonical_payload.decode()
    return csv_rows([columns])


def _spreadsheet_row(event: Event) -> bytes:
    columns = [getattr(event, name) for name in FIELDS]
    columns[FIELDS.index("payload")] = event.canonical_payload.decode()
    return rows([columns])


SPREADSHEET = Format(
    "text/csv; charset=utf-8; header=present",
    BOM + csv_rows([FIELDS]),
    _spreadsheet_row,
    lambda row, payload: None,
    b'"export broke off',
)
"""The dialect of CSV for people."""

FORMATS = {
    "jsonl": Format("application/x-ndjson", b"", _json_line, _splice_json, b'{"export":"broke off'),
    "csv": Format(
        "text/csv; charset=utf-8; header=present",
        csv_rows([FIELDS]),
        _csv_row,
        _splice_csv,
        b'"export broke off',
    ),
}
