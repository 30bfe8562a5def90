"""The parts of a range of the database's ledger, verified by one process or by several.

It must never start a process for what one statement reads.
"""

from __future__ import annotations

from collections.abc import Generator

from django.db import connections

from events.store.slices import cut, slice_end
from observers.keyring import Keyring
from observers.ledger_check import RANGE, verify_part
from observers.parts import Part
from observers.processes import Counted, Task, verify_in_processes


def verify_ranges(
    using: str,
    keys: Keyring,
    start: int,
    end: int,
    *,
    workers: int,
    progress: Counted,
    signatures: bool = True,
    size: int = RANGE,
) -> Generator[Part]:
    """Checks 2 to 10 of start … end, in parts that follow one another; close it when leaving
    early. `progress` is told how many more events were verified."""
    ranges = cut(using, start, end, size)
    if workers > 1 and slice_end(using, start, end, size) < end:
        task = Task(using, _place(using), keys, signatures)
        yield from verify_in_processes(ranges, task, workers=workers, progress=progress)
        return
    for first, last in ranges:
        yield verify_part(
            using, keys, first, last, progress=lambda _: progress(1), signatures=signatures
        )


def _place(using: str) -> dict[str, str | int]:
    """Where the connection leads, which of an embedded server only its engine knows."""
    connections[using].ensure_connection()
    found = connections[using].connection.info
    return {"HOST": found.host, "PORT": found.port, "NAME": found.dbname}
