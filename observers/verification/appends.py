"""Check 10: compares the record of appends with the events.

Every number up to the head belongs to one append. It names its first and last event, the last one's
hash, the latest authority time of its events, and the number of events so far. Where a ceremony
skips numbers, an append without events takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from events.format.event import GENESIS_HASH
from events.format.gaps import Gap
from events.store.integrity import Append
from observers.verification.checks import Check, Finding

NOTHING = Append(0, 0, GENESIS_HASH, "", 0)
"""The state before the first append."""


class AppendCheck:
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
                text = f"an append skips {gap.start} to {gap.end}, which no ceremony documents"
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
            f"its append recorded {counted} events by then, the one before it "
            f"{before.event_count}, and {append.last_sequence - first + 1} numbers were given out "
            "between them",
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
