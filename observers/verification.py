"""Verification of a range: every check of the event format and of continuity, event by event.

It must never repair anything, and never trust what it can recompute. It reads a source of events
(the database or an export file) and works on either alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from events import canonical
from events.continuity import Gap
from events.errors import CanonicalJSONError, TimestampError
from events.event import GENESIS_HASH, Event
from events.store.ledger import EventStoreProtocol, KnownGap
from observers.ceremony_check import claimed_erasure, erases
from observers.checks import Check, Finding, check_event, check_link
from observers.keyring import Keyring

MAX_FINDINGS = 10_000
"""Findings kept in full; beyond it they are only counted."""

SKIP_CEREMONY = "ceremony.sequence_skip"

Progress = Callable[[int], None]
Documentation = Callable[[Gap], int | None]


@dataclass(frozen=True, slots=True)
class KnownErasure:
    """An event whose payload was erased, and the ceremony that decided it."""

    sequence: int
    ceremony_sequence: int


@dataclass
class Report:
    """What a verification of start … end found. No finding means sound."""

    start: int
    end: int
    checked: int = 0
    findings: list[Finding] = field(default_factory=list)
    finding_count: int = 0
    documented_gaps: list[KnownGap] = field(default_factory=list)
    erased: list[KnownErasure] = field(default_factory=list)
    """Payloads that a sound ceremony erased: no findings, but what verified is without them."""
    backward_steps: int = 0
    """Events whose authority time is before that of the event before: noted, never a finding,
    because timestamps order nothing (AC3)."""
    last_content_hash: str | None = None
    seconds: float = 0.0

    @property
    def is_sound(self) -> bool:
        """Every check passed."""
        return self.finding_count == 0

    def as_dict(self) -> dict[str, Any]:
        """The members of an answer of `GET /api/v1/verification`."""
        return {
            "start": self.start,
            "end": self.end,
            "checked": self.checked,
            "is_sound": self.is_sound,
            "finding_count": self.finding_count,
            "findings": [
                {
                    "sequence": finding.sequence,
                    "check": finding.check.value,
                    "check_number": finding.check.number,
                    "detail": finding.detail,
                }
                for finding in self.findings
            ],
            "erased_count": len(self.erased),
            "erased": [
                {"sequence": known.sequence, "ceremony_sequence": known.ceremony_sequence}
                for known in self.erased[:MAX_FINDINGS]
            ],
            "documented_gaps": [known.as_dict() for known in self.documented_gaps],
            "backward_steps": self.backward_steps,
            "last_content_hash": self.last_content_hash,
            "seconds": round(self.seconds, 3),
        }

    def add(self, finding: Finding) -> None:
        """Note a finding."""
        self.finding_count += 1
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)


def verify(
    source: EventStoreProtocol,
    keys: Keyring,
    start: int,
    end: int,
    *,
    progress: Progress | None = None,
    documented_by: Documentation | None = None,
) -> Report:
    """Verify the events from `start` to `end`, both included.

    `progress` is called with each sequence number reached. `documented_by` knows the whole ledger
    and is asked which ceremony explains a gap; without it only the range's own are known.

    Check 10 (the head) needs what only the database has; `observers.ledger_check` adds it.
    """
    began = time.monotonic()
    walk = _Walk(Report(start, end), keys)
    for subject in source.get_events_by_sequence_range(max(start - 1, 1), end):
        if subject.sequence < start:
            walk.predecessor(subject)
            continue
        walk.visit(subject)
        if progress is not None:
            progress(subject.sequence)
    walk.finish(documented_by)
    walk.settle_erasures(source)
    walk.report.findings.sort(key=lambda finding: (finding.sequence, finding.check.number))
    walk.report.seconds = time.monotonic() - began
    return walk.report


class _Walk:
    """One pass over a range, in sequence order."""

    def __init__(self, report: Report, keys: Keyring) -> None:
        self.report = report
        self.keys = keys
        self.expected = report.start
        # The hash that the next event must name; None where its predecessor is not at hand.
        self.previous_hash = GENESIS_HASH if report.start == 1 else None
        self.previous_time: datetime | None = None
        self.gaps: list[Gap] = []
        self.explained: dict[Gap, int] = {}
        # Events that say that a ceremony erased their payload, and what is to be said if none did.
        self.claims: list[tuple[Event, Finding]] = []

    def predecessor(self, subject: Event) -> None:
        """The event before the range, which only its successor is checked against."""
        self.previous_hash = subject.content_hash
        self._note_clock(subject)

    def visit(self, subject: Event) -> None:
        """Checks 1 to 9 of one event."""
        before = self.report.finding_count
        self._follow(subject)
        for finding in self._failures(subject):
            if finding.check is Check.PAYLOAD_HASH and claimed_erasure(subject):
                self.claims.append((subject, finding))
            else:
                self.report.add(finding)
        if subject.event_type == SKIP_CEREMONY and self.report.finding_count == before:
            self._note_ceremony(subject)
        self._note_clock(subject)
        self.report.checked += 1
        self.report.last_content_hash = subject.content_hash
        self.previous_hash = subject.content_hash
        self.expected = subject.sequence + 1

    def finish(self, documented_by: Documentation | None) -> None:
        """Check 1 to the end of the range, and which gaps a sound ceremony explains."""
        if self.expected <= self.report.end:
            self.gaps.append(Gap(self.expected, self.report.end))
        for gap in self.gaps:
            ceremony = self._ceremony(gap, documented_by)
            if ceremony is None:
                self.report.add(Finding(gap.start, Check.GAP, _describe(gap)))
            else:
                self.report.documented_gaps.append(KnownGap(gap, ceremony))

    def settle_erasures(self, source: EventStoreProtocol) -> None:
        """Which claims of an erasure a sound ceremony bears out; it comes after what it erased."""
        for subject, finding in self.claims:
            claimed = claimed_erasure(subject)
            place = claimed.ceremony_sequence if claimed else 0
            found = next(iter(source.get_events_by_sequence_range(place, place)), None)
            if found and not any(check_event(found, self.keys)) and erases(found, subject):
                self.report.erased.append(KnownErasure(subject.sequence, place))
            else:
                self.report.add(finding)

    def _ceremony(self, gap: Gap, documented_by: Documentation | None) -> int | None:
        """The sequence of the ceremony that explains a gap, if it passed its own checks.

        Who sees the whole ledger is asked first: at the edge of the range a gap may go on.
        """
        if documented_by is None:
            return self.explained.get(gap)
        ceremony = documented_by(gap)
        was_seen = ceremony is not None and self.report.start <= ceremony <= self.report.end
        return None if was_seen and ceremony not in self.explained.values() else ceremony

    def _failures(self, subject: Event) -> Iterator[Finding]:
        yield from check_event(subject, self.keys)
        if self.previous_hash is not None:
            yield from check_link(subject, self.previous_hash)

    def _follow(self, subject: Event) -> None:
        if subject.sequence > self.expected:
            self.gaps.append(Gap(self.expected, subject.sequence - 1))
            # Across a gap the predecessor may be among what is missing: nothing to compare with.
            self.previous_hash = None

    def _note_ceremony(self, subject: Event) -> None:
        gap = explained_gap(subject)
        if gap is not None:
            self.explained.setdefault(gap, subject.sequence)

    def _note_clock(self, subject: Event) -> None:
        try:
            moment = subject.authority_time
        except TimestampError:
            return
        if self.previous_time is not None and moment < self.previous_time:
            self.report.backward_steps += 1
        self.previous_time = moment


def explained_gap(subject: Event) -> Gap | None:
    """The gap that the record of a skip names; None for any other event. Whether it is sound, its
    own checks say."""
    if subject.event_type != SKIP_CEREMONY or subject.agent_id is not None:
        return None
    try:
        payload = canonical.parse(subject.payload, stored=True).value
    except CanonicalJSONError:
        return None
    if not isinstance(payload, dict):
        return None
    first, last = payload.get("first"), payload.get("last")
    if type(first) is not int or type(last) is not int or first > last:
        return None
    return Gap(first, last)


def _describe(gap: Gap) -> str:
    if gap.count == 1:
        return f"sequence {gap.start} is missing and no ceremony explains it"
    return f"sequences {gap.start} to {gap.end} ({gap.count:,}) are missing, unexplained"
