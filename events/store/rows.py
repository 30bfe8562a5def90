"""Reads whole ranges of events by COPY, row by row, for who goes through all of them.

It must never hold more than a row, and never make an `Event` of it: that costs more than to
read it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from events.event import FIELDS
from events.store.connection import copying

Row = tuple[Any, ...]
"""The columns of `FIELDS`, in their order. None in any of them is what a superuser wrote."""

SEQUENCE, TYPE, CONTENT_HASH, AGENT, LOCAL, AUTHORITY = (
    FIELDS.index(name)
    for name in (
        "sequence",
        "event_type",
        "content_hash",
        "agent_id",
        "local_timestamp",
        "authority_timestamp",
    )
)
"""Where in a row these columns stand."""

_TYPES = {"sequence": "int8", "hash_alg_version": "int2", "sig_alg_version": "int2"}
_COLUMN_TYPES = [_TYPES.get(name, "text") for name in FIELDS]


def copy_rows(using: str, start: int, end: int) -> Generator[Row]:
    """The events from `start` to `end`, both included, in sequence order.

    One statement, and so one snapshot, that lasts until the last row is taken: ask for ranges of
    some ten thousand, not for the ledger. Until then the connection can do nothing else; who does
    not take every row closes the iterator.
    """
    with copying(using, "verified_events", {"start": start, "end": end}) as copy:
        copy.set_types(_COLUMN_TYPES)
        yield from copy.rows()
