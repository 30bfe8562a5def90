"""Check 10: compares the record of appends with the events, and finds rows outside the chain.

Every number up to the head belongs to one append. It names its first and last event, the last one's
hash, the latest authority time of its events, and the number of events so far. Where a ceremony
skips numbers, an append without events takes them.

Strays are rows numbered below 1, without a number, or with a number that another row has. A row
inserted while an index was disabled is visible to a sequential scan but not to a lookup, so the
sweep compares table pages with their indexes, one piece after another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from events.format.event import GENESIS_HASH
from events.format.gaps import Gap
from events.store import integrity
from events.store.integrity import Append, count_pages, outside_indexes
from events.store.ledger import GapReport, PostgresEventStore
from observers.verification.checks import Check, Finding

NOTHING = Append(0, 0, GENESIS_HASH, "", 0)
"""What stands before the first append."""


class RecordCheck:
    """Compares the appends that cover start … end, and the one before them, with the events passed
    to `take` in order. `earlier` returns, for a stretch before the range, the number of events and
    the latest of their authority times."""

    def __init__(
        self,
        start: int,
        end: int,
        appends: Sequence[Append],
        *,
        earlier: Callable[[int, int], tuple[int, str]],
    ) -> None:
        self.start, self.end = start, end
        has_one_before = bool(appends) and appends[0].last_sequence < start
        self._before = appends[0] if has_one_before else NOTHING
        self._appends = list(appends[1:] if has_one_before else appends)
        self._place = 0
        self._count, self._latest = 0, ""
        self._last, self._last_hash = 0, ""
        self._passed_over: list[Gap] = []
        self._findings: list[Finding] = []
        first = self._first_of(self._appends[0]) if self._appends else start
        if first < start:
            self._count, self._latest = earlier(first, start - 1)

    def take(self, sequence: int, content_hash: str | None, authority: str | None) -> None:
        """Takes the next event."""
        while (
            self._place < len(self._appends) and self._appends[self._place].last_sequence < sequence
        ):
            self._close()
        self._count += 1
        self._latest = max(self._latest, authority or "")
        self._last, self._last_hash = sequence, content_hash or "missing"

    def finish(self, is_skipped: Callable[[Gap], bool]) -> Iterator[Finding]:
        """Returns the findings, after the last event. `is_skipped` tells whether a sound ceremony
        skips exactly these numbers."""
        while self._place < len(self._appends):
            self._close()
        for gap in self._passed_over:
            if not is_skipped(gap):
                text = f"an append passes {gap.start} to {gap.end} over, and no ceremony does"
                self._find(max(gap.start, self.start), text)
        yield from self._findings

    def _close(self) -> None:
        append = self._appends[self._place]
        self._place += 1
        if None in (
            append.first_sequence,
            append.content_hash,
            append.authority_timestamp,
            append.event_count,
        ):
            self._find(append.last_sequence, "its append lacks a column")
        else:
            self._follow(append)
            if append.last_sequence <= self.end:
                self._compare(append)
            self._before = append
        self._count, self._latest = 0, ""

    def _follow(self, append: Append) -> None:
        """Checks that an append begins where the previous one ended, and continues its count."""
        before, first = self._before, append.first_sequence or 0
        following, counted = before.last_sequence + 1, append.event_count or 0
        if first != following:
            self._find(
                following,
                f"no append recorded {following} to {first - 1}"
                if first > following
                else f"the append of {append.last_sequence} begins with {first}, and the one before"
                f" it ends with {before.last_sequence}",
            )
            return
        grown = counted - (before.event_count or 0)
        if grown == append.last_sequence - first + 1:
            return
        if grown == 0 and append.content_hash == before.content_hash:
            self._passed_over.append(Gap(first, append.last_sequence))
            return
        self._find(
            append.last_sequence,
            f"its append recorded {counted} events by then, the one before it"
            f" {before.event_count}, and {append.last_sequence - first + 1} numbers lie between",
        )

    def _compare(self, append: Append) -> None:
        """Compares hash and time of an append that ends in the range with its events."""
        last, count, latest = append.last_sequence, self._count, self._latest
        if self._last == last and self._last_hash != append.content_hash:
            self._find(
                last,
                f"content_hash is {self._last_hash}, its append recorded {append.content_hash}",
            )
        recorded = append.authority_timestamp or ""
        whole = count == last - self._first_of(append) + 1
        if count and (recorded < latest or (whole and recorded != latest)):
            self._find(last, f"the latest time of its append is {latest}, recorded is {recorded}")

    def _first_of(self, append: Append) -> int:
        """Returns the sequence where the events of an append begin."""
        return max(append.first_sequence or 1, self._before.last_sequence + 1)

    def _find(self, sequence: int, text: str) -> None:
        """Adds a finding if its place is in this range, so that adjacent ranges do not both report
        it."""
        if self.start <= sequence <= self.end:
            self._findings.append(Finding(sequence, Check.HEAD, text))


MOST = 100
"""Strays that one look names."""


@dataclass(frozen=True, slots=True)
class Stray:
    """One or several rows of one number outside the chain. `place` names it among strays;
    `sequence` is the number it claims, None when it has none."""

    place: str
    sequence: int | None
    reason: str
    text: str
    check: Check = Check.GAP

    def as_dict(self) -> dict[str, int | str | None]:
        """Returns JSON, with nothing of the event but its number."""
        return {"sequence": self.sequence, "reason": self.reason}

    def finding(self) -> Finding:
        """Returns it as a finding of a verification; sequence 0 stands for a row without a
        number."""
        return Finding(self.sequence or 0, self.check, self.text)


def rows_below_one(using: str, *, limit: int = MOST) -> list[Stray]:
    """Returns events numbered below 1, where the sequence begins, or without a number."""
    rows = PostgresEventStore(using).rows_below_one(limit=limit)
    return [_below_one(sequence, event_id) for sequence, event_id in rows]


def appends_below_one(using: str, *, limit: int = MOST) -> list[Stray]:
    """Returns appends that end below 1 or have no end."""
    return [
        Stray(
            f"append/{'none' if last is None else last}",
            last,
            "below_one" if last is not None else "no_number",
            f"an append ends with the number {last}; the first event is 1",
            Check.HEAD,
        )
        for last in integrity.below_one(using, limit=limit)
    ]


def strays_below_one(using: str) -> list[Stray]:
    """Returns all rows numbered below 1 or without a number."""
    return [*rows_below_one(using), *appends_below_one(using)]


def rows_twice(report: GapReport) -> list[Stray]:
    """Returns numbers that more than one event has."""
    return [
        Stray(f"{number}", number, "repeated", f"more than one event has the number {number}")
        for number in sorted(set(report.repeated))
    ]


def _below_one(sequence: int | None, event_id: str | None) -> Stray:
    if sequence is None:
        return Stray(f"none/{event_id}", None, "no_number", f"event {event_id} has no number")
    text = f"event {event_id} has the number {sequence}; the first is 1"
    return Stray(f"{sequence}/{event_id}", sequence, "below_one", text)


PIECE = 1_000
"""Pages of 8 KiB compared by one statement."""

SECONDS = 0.5
"""How long one look of the watch compares; the next one goes on."""

Piece = tuple[str, int, int]


@dataclass
class Sweep:
    """The position of the round over all table pages, and the findings of each piece when it was
    last compared."""

    found: dict[Piece, list[Stray]] = field(default_factory=dict)
    is_whole: bool = False
    """Whether every page was looked at at least once."""
    _left: list[Piece] = field(default_factory=list)

    def go_on(self, using: str, seconds: float = SECONDS) -> list[Stray]:
        """Compares pieces for the given time, then returns all hidden rows known."""
        began = time.monotonic()
        pieces = self._left or list(pieces_of(using))
        while pieces:
            piece = pieces.pop(0)
            self.found[piece] = compare(using, piece)
            if time.monotonic() - began >= seconds:
                break
        self._left = pieces
        self.is_whole = self.is_whole or not pieces
        return [each for strays in self.found.values() for each in strays]


def pieces_of(using: str) -> Iterator[Piece]:
    """Splits all pages of the tables into pieces."""
    for table, pages in count_pages(using).items():
        for first in range(0, pages, PIECE):
            yield table, first, first + PIECE


def compare(using: str, piece: Piece) -> list[Stray]:
    """Returns the rows of a piece that an index does not lead to, or that are about no event."""
    table, first, end = piece
    rows = outside_indexes(using, table, first, end, limit=MOST)
    return [_stray(table, sequence, event_id) for sequence, event_id in rows]


def _stray(table: str, sequence: int | None, event_id: str | None) -> Stray:
    number = "none" if sequence is None else sequence
    if table == "appends":
        text = f"an append that ends with {number} is hidden from the index of appends"
        return Stray(f"append/hidden/{number}", sequence, "hidden", text, Check.HEAD)
    if table == "clock_drift_warnings":
        text = f"a warning of clock drift is about event {event_id}, which is not there"
        return Stray(f"warning/{event_id}", None, "no_event", text, Check.RECORDS)
    if table == "drifted_events":
        text = f"the list of drifted events has the number {number}, which no event has had"
        return Stray(f"drifted/{number}", sequence, "no_event", text, Check.RECORDS)
    text = f"event {event_id} with the number {number} is hidden from an index"
    return Stray(f"hidden/{number}/{event_id}", sequence, "hidden", text)
