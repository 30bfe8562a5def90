"""The access log as a file, streamed. It must never hold more than a page of it, nor let a part
pass for the whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict, replace

import orjson

from events.store.access_log import NAMES, Access, AccessFilter, newest, oldest
from observers import spreadsheets

FETCH = 1000
FILES = {"csv": "text/csv; charset=utf-8; header=present", "jsonl": "application/x-ndjson"}
SPREADSHEET = "spreadsheet"
"""CSV for people."""
BROKEN = {"csv": b'"broke off', SPREADSHEET: b'"broke off', "jsonl": b'{"export":"broke off'}
"""A record that never ends: no reader of the format takes a file that stops there."""


def header(name: str) -> bytes:
    """What stands before the entries."""
    if name == "jsonl":
        return b""
    return (spreadsheets.BOM if name == SPREADSHEET else b"") + _row(["id", *NAMES])


def write(using: str, chosen: AccessFilter, name: str) -> Iterator[bytes]:
    """Every entry that passes, oldest first, in pieces. It ends with the last entry that is there
    when it begins, for it goes on being recorded itself."""
    yield header(name)
    last = newest(using, AccessFilter(), limit=1)
    chosen = replace(chosen, before=last[0][0] + 1 if last else 1)
    try:
        while page := oldest(using, chosen, limit=FETCH):
            yield b"".join(_record(name, number, entry) for number, entry in page)
            if len(page) < FETCH:
                return
            chosen = replace(chosen, after=page[-1][0])
    except Exception:
        yield BROKEN[name]
        raise


def _record(name: str, number: int, entry: Access) -> bytes:
    members = {"id": number, **asdict(entry), "at": entry.at.isoformat()}
    if name == SPREADSHEET:
        return spreadsheets.rows([members.values()])
    return _row(list(members.values())) if name == "csv" else orjson.dumps(members) + b"\n"


def _row(values: list[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue().encode()
