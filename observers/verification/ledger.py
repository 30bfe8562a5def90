"""Verifies the database's ledger. Read-only.

`scan` makes the checks of one range in one statement or two. `scan_ranges` is the only loop over
ranges, in this process or in several; its parts are merged, and the merged part becomes a report.
Callers only choose the ranges.

Invariant: whatever can be recomputed from the events is recomputed, and the head is not trusted for
it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import chain, islice

from django.db import connections

from events.format.ceremony import PREFIX
from events.format.event import Event
from events.format.gaps import Gap
from events.store import integrity
from events.store.ledger import PostgresEventStore
from events.store.ranges import (
    AGENT,
    AUTHORITY,
    CONTENT_HASH,
    LOCAL,
    SEQUENCE,
    TYPE,
    Row,
    copy_rows,
)
from events.store.sequence import cut
from observers.verification.appends import AppendCheck
from observers.verification.checks import Check, Finding
from observers.verification.decisions import (
    compare_ceremonies,
    compare_halt,
    decisions_without_event,
)
from observers.verification.drift import DriftCheck, drift_check, thresholds_of
from observers.verification.explained_gaps import Skips
from observers.verification.key_comparison import compare_keys
from observers.verification.keyring import Keyring, keyring_from_registry
from observers.verification.partial_report import PartialReport, before_the_first, finish, merge
from observers.verification.processes import Task, scan_in_processes
from observers.verification.range_scan import Advance, RangeScan, boundary, ignore
from observers.verification.report import Report
from observers.verification.sound_ceremonies import erasures_in
from observers.verification.strays import Stray, strays_below_one

RANGE = 20_000
"""Events read by one statement, and given to one worker at a time."""


def verify_ledger(
    using: str,
    start: int = 1,
    end: int | None = None,
    *,
    workers: int = 1,
    progress: Advance = ignore,
    signatures: bool = True,
) -> Report:
    """Makes all checks over start … end; without `end`, to the later of last event and
    head. `progress` is called with the number of further events verified, and must not use the
    connection."""
    began = time.monotonic()
    steps = verify_in_steps(
        using, start, end, workers=workers, progress=progress, signatures=signatures
    )
    while True:
        try:
            next(steps)
        except StopIteration as done:
            report: Report = done.value
            report.seconds = time.monotonic() - began
            return report


def verify_in_steps(
    using: str,
    start: int,
    end: int | None,
    *,
    size: int = RANGE,
    workers: int = 1,
    progress: Advance = ignore,
    signatures: bool = True,
) -> Generator[None, None, Report]:
    """Runs `verify_ledger` as a generator that yields between ranges of `size` events and returns
    the report."""
    end = reachable_end(using, end)
    if end < start:
        return _with_strays(using, Report(start, end))
    keys = keyring_from_registry(using)
    whole: PartialReport | None = None
    parts = scan_ranges(
        using,
        keys,
        start,
        end,
        size=size,
        workers=workers,
        progress=progress,
        signatures=signatures,
    )
    with closing(parts):
        for part in parts:
            whole = part if whole is None else merge(whole, part)
            if whole.end < end:
                yield
    assert whole is not None  # noqa: S101 - there is one range at least
    return finish_part(using, keys, whole)


def reachable_end(using: str, end: int | None) -> int:
    """Returns the requested end, or the end of the ledger if that comes first."""
    last = PostgresEventStore(using).last_sequence()
    return last if end is None else min(end, last)


def scan_ranges(
    using: str,
    keys: Keyring,
    start: int,
    end: int,
    *,
    size: int = RANGE,
    workers: int = 1,
    progress: Advance = ignore,
    signatures: bool = True,
) -> Generator[PartialReport]:
    """Scans start … end in ranges of `size` events and yields their consecutive parts; close the
    generator when leaving early. Workers report their progress range by range."""
    ranges = cut(using, start, end, size)
    first_two = list(islice(ranges, 2))
    ranges = chain(first_two, ranges)
    if workers > 1 and len(first_two) > 1:
        task = Task(using, _place(using), keys, signatures)
        with closing(scan_in_processes(ranges, task, workers=workers)) as parts:
            for part in parts:
                progress(part.checked)
                yield part
        return
    for first, last in ranges:
        yield scan(using, keys, first, last, progress=progress, signatures=signatures)


def _place(using: str) -> dict[str, str | int]:
    """Returns the address of the connection, which for an embedded server only its engine knows."""
    connections[using].ensure_connection()
    found = connections[using].connection.info
    return {"HOST": found.host, "PORT": found.port, "NAME": found.dbname}


def scan(
    using: str,
    keys: Keyring,
    start: int,
    end: int,
    *,
    progress: Advance = ignore,
    signatures: bool = True,
) -> PartialReport:
    """Makes checks 2 to 11 and 13 of start … end, except what depends on the events beside it."""
    events = RangeScan(start, end, keys, signatures=signatures)
    appends = AppendCheck(
        start,
        end,
        integrity.covering(using, start, end),
        earlier=partial(integrity.latest_authority, using),
    )
    drift = drift_check(using, thresholds_of(using, keys), start, end)
    decided: list[Event] = []
    with closing(copy_rows(using, start, end)) as rows:
        events.take_rows(_compared(rows, appends, drift, decided), progress)
    skips = Skips(using, keys)
    for finding in (
        *appends.finish(lambda gap: gap in skips.named),
        *drift.finish(),
        *compare_ceremonies(using, decided, keys),
        *compare_halt(using, start, end),
        *_beyond_the_head(using, start, end),
    ):
        events.part.add(finding)
    return events.finish()


def _compared(
    rows: Iterable[Row], appends: AppendCheck, drift: DriftCheck, decided: list[Event]
) -> Iterator[Row]:
    """Yields the rows after passing each to the checks of appends and of drift; records of
    ceremonies are added to `decided`."""
    for row in rows:
        appends.take(row[SEQUENCE], row[CONTENT_HASH], row[AUTHORITY])
        drift.take(row[SEQUENCE], row[AGENT], row[LOCAL], row[AUTHORITY])
        if row[AGENT] is None and (row[TYPE] or "").startswith(PREFIX):
            decided.append(Event(*row))
        yield row


def _beyond_the_head(using: str, start: int, end: int) -> Iterator[Finding]:
    """Makes check 10 of events that no append recorded. Check 1 reports missing events."""
    store = PostgresEventStore(using)
    head = store.head().max_sequence
    for extra in store.get_events_by_sequence_range(max(start, head + 1), end):
        yield Finding(
            extra.sequence, Check.HEAD, f"the head is {head}; no append recorded this event"
        )


def finish_part(using: str, keys: Keyring, part: PartialReport) -> Report:
    """Turns a part into a report, looking up the event before it and the ceremonies."""
    store = PostgresEventStore(using)
    skips = Skips(using, keys)

    def documented_by(gap: Gap) -> int | None:
        return skips.explaining(gap, part.start, part.end)

    before = store.get_event(part.start - 1) if part.start > 1 else None
    beside = before_the_first() if part.start == 1 else boundary(before) if before else None
    return _with_strays(using, finish(part, beside, documented_by, erasures_in(store, keys)))


def _with_strays(using: str, report: Report) -> Report:
    """Adds the rows outside the sequence to a report that begins with 1."""
    if report.start == 1:
        report.add_all(each.finding() for each in strays_in(using))
    return report


def strays_in(using: str) -> list[Stray]:
    """Returns the rows that no range of the sequence covers, except hidden ones, and keys that are
    not what the chain says."""
    return [*strays_below_one(using), *decisions_without_event(using), *compare_keys(using)]
