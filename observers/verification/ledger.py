"""Verifies ranges: of any source of events (`verify`), and of the database's ledger with what only
the database knows, such as the head (check 10), in one process or in several. Read-only.

Invariant: whatever can be recomputed from the events is recomputed, and the head is not trusted for
it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from functools import partial

from django.db import connections

from events.format.ceremony import PREFIX
from events.format.event import Event
from events.format.gaps import Gap
from events.store import integrity
from events.store.ledger import EventStoreProtocol, PostgresEventStore
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
from events.store.sequence import cut, slice_end
from observers.verification.checks import Check, Finding
from observers.verification.decisions import (
    compare_ceremonies,
    compare_halt,
    decisions_without_event,
)
from observers.verification.drift import DriftCheck, drift_check, thresholds_of
from observers.verification.explained_gaps import Skips
from observers.verification.keyring import Keyring, keyring_from_registry
from observers.verification.parts import PartialReport, before_the_first, boundary, finish, merge
from observers.verification.processes import Counted, Task, verify_in_processes
from observers.verification.report import Report
from observers.verification.scan import Progress, RangeScan, valid_time
from observers.verification.sound_ceremonies import erasures_in
from observers.verification.tables import RecordCheck, strays_below_one

RANGE = 20_000
"""Events read by one statement, and given to one worker at a time."""


def verify(
    source: EventStoreProtocol,
    keys: Keyring,
    start: int,
    end: int,
    *,
    progress: Progress | None = None,
    signatures: bool = True,
) -> Report:
    """Verifies the events from `start` to `end`, both included; a gap is explained only by
    ceremonies of the range itself. `progress` is called with each sequence number reached.

    Check 10 (the head) needs the database: `verify_ledger` adds it.
    """
    before = before_the_first() if start == 1 else None
    walk = RangeScan(start, end, keys, signatures=signatures)
    for subject in source.get_events_by_sequence_range(max(start - 1, 1), end):
        if subject.sequence < start:
            before = beside(subject)
            continue
        walk.take(subject)
        if progress is not None:
            progress(subject.sequence)
    return finish(walk.finish(), before, erased_by=erasures_in(source, keys))


def beside(subject: Event) -> PartialReport:
    """Returns the event before a range, as a boundary to check its successor against."""
    return boundary(subject.sequence, subject.content_hash, valid_time(subject))


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
) -> Generator[PartialReport]:
    """Makes checks 2 to 10 of start … end and yields consecutive parts; close the generator when
    leaving early. `progress` is called with the number of further events verified."""
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
    """Returns the address of the connection, which for an embedded server only its engine knows."""
    connections[using].ensure_connection()
    found = connections[using].connection.info
    return {"HOST": found.host, "PORT": found.port, "NAME": found.dbname}


def verify_ledger(
    using: str,
    start: int = 1,
    end: int | None = None,
    *,
    progress: Progress | None = None,
    signatures: bool = True,
) -> Report:
    """Makes checks 1 to 11 and 13 over start … end; without `end`, to the later of last event and
    head. `progress` is called with each sequence number reached, and must not use the
    connection."""
    steps = verify_in_steps(using, start, end, RANGE, progress=progress, signatures=signatures)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            report: Report = done.value
            return report


def verify_in_steps(
    using: str,
    start: int,
    end: int | None,
    size: int,
    *,
    progress: Progress | None = None,
    signatures: bool = True,
) -> Generator[None, None, Report]:
    """Runs `verify_ledger` as a generator that yields between slices of `size` events and returns
    the report."""
    end = reachable_end(using, end)
    if end < start:
        return with_strays(using, Report(start, end))
    keys = keyring_from_registry(using)
    whole: PartialReport | None = None
    for first, last in cut(using, start, end, size):
        part = verify_part(using, keys, first, last, progress=progress, signatures=signatures)
        whole = part if whole is None else merge(whole, part)
        if last < end:
            yield
    assert whole is not None  # noqa: S101 - `cut` gives one slice at least
    return finish_part(using, keys, whole)


def reachable_end(using: str, end: int | None) -> int:
    """Returns the requested end, or the end of the ledger if that comes first."""
    last = PostgresEventStore(using).last_sequence()
    return last if end is None else min(end, last)


def verify_part(
    using: str,
    keys: Keyring,
    start: int,
    end: int,
    *,
    progress: Progress | None = None,
    signatures: bool = True,
) -> PartialReport:
    """Makes checks 2 to 10 of start … end, except what depends on the events beside it, in one or
    two statements."""
    walk = RangeScan(start, end, keys, signatures=signatures)
    record = RecordCheck(
        start,
        end,
        integrity.covering(using, start, end),
        earlier=partial(integrity.latest_authority, using),
    )
    drift = drift_check(using, thresholds_of(using, keys), start, end)
    decided: list[Event] = []
    with closing(copy_rows(using, start, end)) as rows:
        walk.take_rows(_told(rows, record, drift, decided), progress)
    skips = Skips(using, keys)
    for finding in (
        *record.finish(lambda gap: gap in skips.named),
        *drift.finish(),
        *compare_ceremonies(using, decided, keys),
        *compare_halt(using, start, end),
        *_beyond_the_head(PostgresEventStore(using), start, end),
    ):
        walk.part.add(finding)
    return walk.finish()


def _told(
    rows: Iterable[Row], record: RecordCheck, drift: DriftCheck, decided: list[Event]
) -> Iterator[Row]:
    """Yields the rows after passing each to the record check and the drift check; records of
    ceremonies are added to `decided`."""
    for row in rows:
        record.take(row[SEQUENCE], row[CONTENT_HASH], row[AUTHORITY])
        drift.take(row[SEQUENCE], row[AGENT], row[LOCAL], row[AUTHORITY])
        if row[AGENT] is None and (row[TYPE] or "").startswith(PREFIX):
            decided.append(Event(*row))
        yield row


def finish_part(using: str, keys: Keyring, part: PartialReport) -> Report:
    """Turns a part into a report, looking up the event before it and the ceremonies."""
    store = PostgresEventStore(using)
    skips = Skips(using, keys)

    def documented_by(gap: Gap) -> int | None:
        return skips.explaining(gap, part.start, part.end)

    report = finish(part, _before(store, part.start), documented_by, erasures_in(store, keys))
    return with_strays(using, report)


def with_strays(using: str, report: Report) -> Report:
    """Adds the rows outside the sequence to a report that begins with 1."""
    if report.start == 1:
        strays = (*strays_below_one(using), *decisions_without_event(using))
        report.add_all(each.finding() for each in strays)
    return report


def _before(store: PostgresEventStore, start: int) -> PartialReport | None:
    if start == 1:
        return before_the_first()
    found = store.get_event(start - 1)
    return None if found is None else beside(found)


def _beyond_the_head(store: PostgresEventStore, start: int, end: int) -> Iterator[Finding]:
    """Makes check 10 of events that no append recorded. Check 1 reports missing events."""
    head = store.head().max_sequence
    for extra in store.get_events_by_sequence_range(max(start, head + 1), end):
        yield Finding(
            extra.sequence, Check.HEAD, f"the head is {head}; no append recorded this event"
        )
