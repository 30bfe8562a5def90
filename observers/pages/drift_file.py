"""Drift warnings as CSV, streamed. It must never hold more than a page of them, nor let a part pass
for the whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace

from events.store.drift import DriftFilter, DriftWarning, list_warnings
from events.store.drift_figures import DriftChoice
from observers import spreadsheets

FETCH = 1000
BROKEN = b'"broke off'
"""A record that never ends: no reader of CSV takes a file that stops there."""

COLUMNS = (
    "id",
    "sequence",
    "event_id",
    "event_type",
    "agent_id",
    "local_timestamp",
    "authority_timestamp",
    "drift_seconds",
    "direction",
)


def stream_warnings(
    using: str, choice: DriftChoice, *, for_people: bool = False
) -> Iterator[bytes]:
    """A header and one row a warning, oldest first, in pieces; `for_people`, as a spreadsheet
    takes it."""
    write = spreadsheets.rows if for_people else _rows
    yield (spreadsheets.BOM if for_people else b"") + _rows([COLUMNS])
    chosen = DriftFilter(**asdict(choice))
    try:
        while page := list_warnings(using, chosen, limit=FETCH):
            yield write(_values(warning) for warning in page)
            if len(page) < FETCH:
                return
            chosen = replace(chosen, after=page[-1].id)
    except Exception:
        yield BROKEN
        raise


def _values(warning: DriftWarning) -> tuple[object, ...]:
    return tuple(getattr(warning, name) for name in COLUMNS)


def _rows(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
