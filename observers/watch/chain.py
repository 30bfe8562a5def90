"""Verifies the new part of the chain, and old events again, a little at each look.

The rounds over old events are plain arithmetic over sequence numbers and Unix seconds: progress,
pace, and the time since when every event has been verified.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from events.store.sequence import cut
from observers.verification.checks import Check, Finding
from observers.verification.ledger import verify_ledger
from observers.verification.report import Report
from observers.watch.findings import Found, Kind

PACE = 3
"""A round is planned to last a third of the promised time. An event may be verified first in one
round and last in the next, so two rounds have to fit, and a third is left for pauses."""


@dataclass(frozen=True, slots=True)
class Place:
    """The position where the watch continues.

    New events are verified up to `verified`. The round that began at `began`, when the ledger ended
    at `end`, has verified old events again up to `rolled`. Every event that existed at `since` was
    verified after it: that is the start of the last complete round, which took `lasted` seconds;
    before the first round is complete, it is the first look.
    """

    verified: int
    rolled: int
    end: int
    began: float
    since: float
    lasted: float | None = None

    @classmethod
    def first(cls, verified: int, last: int, now: float) -> Place:
        """Returns the start: nothing verified, events up to `verified` count as old."""
        return cls(verified, 0, last, began=now, since=now)

    def at(self, last: int, now: float) -> Place:
        """Adjusts the position to a ledger that lost its end and a clock that was set back, so that
        a round can still end."""
        end = min(self.end, last)
        return replace(
            self,
            verified=min(self.verified, last),
            rolled=min(self.rolled, end),
            end=end,
            began=min(self.began, now),
            since=min(self.since, now),
        )

    def turned(self, last: int, now: float) -> Place:
        """Returns the start of the next round when this one is complete."""
        lasted = now - self.began
        return replace(self, rolled=0, end=last, began=now, since=self.began, lasted=lasted)

    def due(self, now: float, promised: float) -> float:
        """Returns the sequence that the round should have reached to keep the promise."""
        return self.end * min(1.0, (now - self.began) * PACE / promised)


@dataclass(frozen=True)
class Timing:
    """The clock of one look, and the promise: every event is verified again within so many seconds.
    Uses the monotonic clock from the start of the look."""

    promised: float
    began: float = field(default_factory=time.time)
    clock: Callable[[], float] = time.monotonic
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_started", self.clock())

    def now(self) -> float:
        """Returns seconds since 1970."""
        return self.began + self.clock() - self._started

    def within(self, seconds: float) -> Callable[[], bool]:
        """Returns a function that tells whether the given seconds from now have not passed yet."""
        end = self.clock() + seconds
        return lambda: self.clock() < end


SLICE = 500
"""Events verified between two looks at the clock."""

NEW_SECONDS, OLD_SECONDS = 10.0, 1.0
"""Seconds that one look verifies new events, and again old ones; the next look continues."""

MOST_OLD_SECONDS = 15.0
"""Seconds that one look verifies old events while the round is behind schedule."""

RECHECKED, RECHECKED_SPAN = 20, 1_000
"""Known findings looked at again at each look, and the longest that is."""


@dataclass
class Walked:
    """The findings of a walk, and those that no known finding covers."""

    place: Place
    findings: list[Finding] = field(default_factory=list)
    fresh: list[Found] = field(default_factory=list)
    sound_again: set[str] = field(default_factory=set)
    backward_steps: int = 0


def walk_chain(
    using: str,
    place: Place,
    last: int,
    known: Sequence[str],
    timing: Timing,
) -> Walked:
    """Verifies from where the previous look ended. `known` are the keys of open chain findings."""
    place = place.at(last, timing.now())
    walked = Walked(place)
    for report in _slices(using, place.verified + 1, last, timing.within(NEW_SECONDS)):
        walked.place = replace(walked.place, verified=report.end)
        walked.backward_steps += report.backward_steps
        walked.findings += report.findings
    _verify_again(walked, using, place.verified, last, timing)
    _recheck(walked, using, known[:RECHECKED])
    # Missing numbers are findings of their own kind.
    walked.findings = [
        each for each in walked.findings if each.check is not Check.GAP and each.sequence > 0
    ]
    walked.fresh = _merge(walked.findings, [_parse(key) for key in known])
    return walked


def _verify_again(walked: Walked, using: str, old: int, last: int, timing: Timing) -> None:
    """Continues the round through the events up to `old`, which earlier looks verified; starts the
    next round at its end, until each event was verified once in this look."""
    first, wrapped = walked.place.rolled, False
    at_least, at_most = timing.within(OLD_SECONDS), timing.within(MOST_OLD_SECONDS)

    def has_time() -> bool:
        behind = walked.place.rolled < walked.place.due(timing.now(), timing.promised)
        return at_least() or (behind and at_most())

    while True:
        place = walked.place
        end = min(place.end, old, first) if wrapped else min(place.end, old)
        for report in _slices(using, place.rolled + 1, end, has_time):
            walked.place = replace(walked.place, rolled=report.end)
            walked.findings += report.findings
        if walked.place.rolled < walked.place.end or wrapped:
            return
        walked.place, wrapped = walked.place.turned(last, timing.now()), True


def _slices(using: str, start: int, last: int, has_time: Callable[[], bool]) -> Iterator[Report]:
    for first, end in cut(using, start, last, SLICE):
        if not has_time():
            return
        yield verify_ledger(using, first, end)


def _recheck(walked: Walked, using: str, known: Iterable[str]) -> None:
    for key in known:
        first, last, check = _parse(key)
        if last - first >= RECHECKED_SPAN:
            continue
        report = verify_ledger(using, first, last)
        walked.findings += report.findings
        gone = any(each.check is Check.GAP for each in report.findings)
        if not gone and all(each.check != check for each in report.findings):
            walked.sound_again.add(key)


def _merge(findings: Iterable[Finding], known: list[tuple[int, int, str]]) -> list[Found]:
    """Merges findings of one check at consecutive places, and leaves out those that a known finding
    covers."""
    merged: list[list[Finding]] = []
    unique = {(each.check.number, each.sequence): each for each in findings}
    for _, each in sorted(unique.items()):
        if any(first <= each.sequence <= last and each.check == c for first, last, c in known):
            continue
        tail = merged[-1][-1] if merged else None
        if tail and tail.check is each.check and tail.sequence == each.sequence - 1:
            merged[-1].append(each)
        else:
            merged.append([each])
    return [_found(run) for run in merged]


def _found(run: Sequence[Finding]) -> Found:
    first, last = run[0], run[-1]
    place = f"{first.sequence}-{last.sequence} {first.check}"
    where = f"sequence {first.sequence}" + (f" to {last.sequence}" if len(run) > 1 else "")
    payload = {
        "check": first.check.value,
        "first": first.sequence,
        "last": last.sequence,
        "count": len(run),
        "detail": first.detail[:500],
    }
    return Found(Kind.CHAIN, place, f"{where}: {first.check}: {first.detail[:500]}", payload)


def _parse(key: str) -> tuple[int, int, str]:
    """Parses `chain 12-15 signature`."""
    _, span, check = key.split(" ", 2)
    first, last = span.split("-")
    return int(first), int(last), check
