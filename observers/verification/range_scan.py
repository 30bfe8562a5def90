"""Scans a range in sequence order, event by event, and returns a `PartialReport`.

Invariant: it judges nothing that depends on events outside the range.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from events.errors import TimestampError
from events.format.event import Event
from events.format.gaps import Gap
from events.format.timestamps import parse_canonical
from events.store.ranges import AUTHORITY, CONTENT_HASH, PREV_HASH, SEQUENCE, Row
from observers.verification.ceremonies import claimed_erasure, skipped_numbers
from observers.verification.checks import (
    Check,
    Finding,
    check_event,
    link_failure,
    passes_fast,
    without_nulls,
)
from observers.verification.keyring import Keyring
from observers.verification.partial_report import Edge, PartialReport

Advance = Callable[[int], None]
"""Called with the number of further events verified."""


def ignore(more: int) -> None:
    """Tells nobody of the progress."""


class RangeScan:
    """Takes the events of start … end in order, each once."""

    def __init__(self, start: int, end: int, keys: Keyring, *, signatures: bool = True) -> None:
        self.part = PartialReport(start, end)
        self.keys = keys
        self.signatures = signatures
        self.began = time.monotonic()

    def finish(self) -> PartialReport:
        """Returns the part, once all events were taken."""
        self.part.seconds = time.monotonic() - self.began
        return self.part

    def take_rows(self, rows: Iterable[Row], progress: Advance = ignore) -> None:
        """Takes events as rows from the database. A row that passes the fast path and follows the
        previous one is cheap; any other goes through the full checks."""
        part = self.part
        for row in rows:
            last = part.last
            if (
                last is not None
                and row[SEQUENCE] == last.sequence + 1
                and row[PREV_HASH] == last.content_hash
                and passes_fast(row, self.keys, signatures=self.signatures)
                and part.last_time <= row[AUTHORITY]
                and part.first_time
            ):
                part.last = Edge(row[SEQUENCE], row[PREV_HASH], row[CONTENT_HASH])
                part.last_time = row[AUTHORITY]
                part.checked += 1
            else:
                self.take(Event(*row))
            progress(1)

    def take(self, subject: Event) -> None:
        """Makes checks 2 to 9 and 11 of one event, and compares it with the previous one."""
        part = self.part
        before = part.finding_count
        for finding in check_event(subject, self.keys, signatures=self.signatures):
            if finding.check is Check.PAYLOAD_HASH and claimed_erasure(subject):
                part.claims.append((subject, finding))
            else:
                part.add(finding)
        self._follow(subject)
        if part.finding_count == before:
            gap = skipped_numbers(subject)
            if gap is not None:
                part.explained.append((gap, subject.sequence))
        part.checked += 1
        edge = Edge(subject.sequence, subject.prev_hash, subject.content_hash)
        part.first, part.last = part.first or edge, edge
        self._note_clock(subject)

    def _follow(self, subject: Event) -> None:
        last = self.part.last
        if last is None:
            return
        if subject.sequence == last.sequence:
            detail = f"more than one event has the number {subject.sequence}"
            self.part.add(Finding(subject.sequence, Check.GAP, detail))
            return
        if subject.sequence > last.sequence + 1:
            # Across a gap the predecessor may be among what is missing: nothing to compare with.
            self.part.inner_gaps.append(Gap(last.sequence + 1, subject.sequence - 1))
            return
        broken = link_failure(subject.sequence, subject.prev_hash, last.content_hash)
        if broken is not None:
            self.part.add(broken)

    def _note_clock(self, subject: Event) -> None:
        moment = _valid_time(subject)
        if moment:
            self.part.note_time(moment)


def boundary(subject: Event) -> PartialReport:
    """Returns an event beside a range, unchecked: only its hash and its time are used."""
    edge = Edge(subject.sequence, None, subject.content_hash)
    part = PartialReport(subject.sequence, subject.sequence, first=edge, last=edge)
    part.note_time(_valid_time(subject))
    return part


def _valid_time(subject: Event) -> str:
    """Returns the authority time of an event, or "" where it is malformed."""
    moment = without_nulls(subject).authority_timestamp
    try:
        parse_canonical(moment)
    except TimestampError:
        return ""
    return moment
