"""The report of a range by itself, and how two merge: however a range is split, the merged parts
report what the whole range would. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from events.errors import LedgerError
from events.format.event import GENESIS_HASH, Event
from events.format.gaps import Gap
from observers.verification.checks import Check, Finding, link_failure
from observers.verification.report import MAX_FINDINGS, KnownErasure, KnownGap, Report

Documentation = Callable[[Gap], int | None]

Erasures = Callable[[Event], KnownErasure | None]
"""Tells how a sound ceremony erased an event's payload; None when none did."""


class PartsError(LedgerError):
    """Two parts are not consecutive."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The first or last event of a part: all that the adjacent part needs to know of it."""

    sequence: int
    prev_hash: str | None
    content_hash: str | None


@dataclass
class PartialReport:
    """The findings in start … end by itself: the link of its first event and the gaps that touch
    its ends are not judged yet. Times are canonical texts, which sort in time order."""

    start: int
    end: int
    checked: int = 0
    findings: list[Finding] = field(default_factory=list)
    finding_count: int = 0
    backward_steps: int = 0
    first: Edge | None = None
    last: Edge | None = None
    first_time: str = ""
    last_time: str = ""
    """The first and the last valid authority time, "" when there is none."""
    inner_gaps: list[Gap] = field(default_factory=list)
    """The gaps between two events of the part."""
    explained: list[tuple[Gap, int]] = field(default_factory=list)
    """Gaps and erasures that sound ceremonies of the part explain, with their sequences."""
    claims: list[tuple[Event, Finding]] = field(default_factory=list)
    """Events that say that a ceremony erased their payload, and what was found if none did."""
    seconds: float = 0.0

    def add(self, finding: Finding) -> None:
        """Adds a finding."""
        self.finding_count += 1
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)

    def note_time(self, moment: str) -> None:
        """Adds a valid authority time that follows all earlier ones."""
        if moment < self.last_time:
            self.backward_steps += 1
        self.first_time = self.first_time or moment
        self.last_time = moment

    def gaps(self) -> Iterable[Gap]:
        """Every gap from start to end, in order."""
        if self.first is None or self.last is None:
            yield Gap(self.start, self.end)
            return
        if self.start < self.first.sequence:
            yield Gap(self.start, self.first.sequence - 1)
        yield from self.inner_gaps
        if self.last.sequence < self.end:
            yield Gap(self.last.sequence + 1, self.end)


def before_the_first() -> PartialReport:
    """Returns the boundary before sequence 1: 64 zeros, to which the first event links."""
    edge = Edge(0, None, GENESIS_HASH)
    return PartialReport(0, 0, first=edge, last=edge)


def merge(left: PartialReport, right: PartialReport) -> PartialReport:
    """Returns a new part for two consecutive ones.

    Raises:
        PartsError: `right` does not begin where `left` ends.
    """
    if left.end + 1 != right.start:
        raise PartsError(f"a part from {right.start} does not follow one to {left.end}")
    whole = replace(
        left,
        end=right.end,
        checked=left.checked + right.checked,
        findings=left.findings[:],
        inner_gaps=left.inner_gaps + _between(left, right) + right.inner_gaps,
        explained=left.explained + right.explained,
        claims=left.claims + right.claims,
        first=left.first or right.first,
        last=right.last or left.last,
        backward_steps=left.backward_steps + right.backward_steps,
        first_time=left.first_time or right.first_time,
        last_time=right.last_time or left.last_time,
        seconds=left.seconds + right.seconds,
    )
    if right.first_time and right.first_time < left.last_time:
        whole.backward_steps += 1
    broken = _broken_link(left, right)
    if broken is not None:
        whole.add(broken)
        # A ceremony that is not linked to what is before it explains nothing.
        whole.explained = [e for e in whole.explained if e[1] != broken.sequence]
    whole.finding_count += right.finding_count
    whole.findings += right.findings[: MAX_FINDINGS - len(whole.findings)]
    return whole


def finish(
    part: PartialReport,
    before: PartialReport | None = None,
    documented_by: Documentation | None = None,
    erased_by: Erasures = lambda subject: None,
) -> Report:
    """The report of a part: its first link judged, and every gap explained or found.

    `before` is what stands right before it, None where that is missing. `documented_by` knows the
    whole ledger and is asked which sound ceremony explains a gap; without it only the part's own
    count.
    `erased_by` is asked of each event that says that its payload was erased.
    """
    whole = part if before is None else merge(before, part)
    report = Report(
        part.start,
        part.end,
        checked=part.checked,
        findings=whole.findings[:],
        finding_count=whole.finding_count,
        backward_steps=whole.backward_steps,
        last_content_hash=part.last.content_hash if part.last else None,
        seconds=part.seconds,
    )
    explained: dict[Gap, int] = {}
    for gap, ceremony in whole.explained:
        explained.setdefault(gap, ceremony)
    for gap in whole.gaps():
        _judge(gap, report, explained, documented_by)
    for subject, finding in whole.claims:
        erasure = erased_by(subject)
        if erasure is None:
            report.add(finding)
        else:
            report.erased.append(erasure)
    report.sort()
    return report


def _between(left: PartialReport, right: PartialReport) -> list[Gap]:
    if left.last is None or right.first is None:
        return []
    missing = Gap(left.last.sequence + 1, right.first.sequence - 1)
    return [missing] if missing.count > 0 else []


def _broken_link(left: PartialReport, right: PartialReport) -> Finding | None:
    """Makes check 5 between two parts. Across a gap there is nothing to compare with."""
    if left.last is None or right.first is None or _between(left, right):
        return None
    return link_failure(right.first.sequence, right.first.prev_hash, left.last.content_hash)


def _judge(
    gap: Gap, report: Report, explained: dict[Gap, int], documented_by: Documentation | None
) -> None:
    """Makes check 1 of a gap. `documented_by` sees the whole ledger: at the edge of the range a gap
    may extend beyond it, and its ceremony may be elsewhere."""
    ceremony = explained.get(gap) if documented_by is None else documented_by(gap)
    if ceremony is None:
        report.add(Finding(gap.start, Check.GAP, _describe(gap)))
    else:
        report.documented_gaps.append(KnownGap(gap, ceremony))


def _describe(gap: Gap) -> str:
    if gap.count == 1:
        return f"sequence {gap.start} is missing, and no ceremony explains it"
    return f"sequences {gap.start} to {gap.end} ({gap.count:,}) are missing, unexplained"
