"""Verifies what is new in the chain, and what is old once more, a little at each look.

It must never trust an event because it was verified before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from events.store.slices import slice_end
from observers.checks import Check, Finding
from observers.ledger_check import verify_ledger
from observers.report import Report
from observers.watch.findings import Found, Kind
from observers.watch.rounds import Place, Timing

SLICE = 500
"""Events verified between two looks at the clock."""

NEW_SECONDS, OLD_SECONDS = 10.0, 1.0
"""How long one look verifies new events, and old ones once more; the next one goes on."""

MOST_OLD_SECONDS = 15.0
"""How long one look verifies old events where the round is behind its pace."""

RECHECKED, RECHECKED_SPAN = 20, 1_000
"""Known findings looked at again at each look, and the longest that is."""


@dataclass
class Walked:
    """What a walk found, and of that what no known finding covers."""

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
    """Verify from where the look before ended. `known` are the keys of open chain findings."""
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
    """Go on with the round through the events up to `old`, which earlier looks verified; after
    its end the next round begins, until each of them was verified once at this look."""
    first, wrapped = walked.place.rolled, False
    at_least, at_most = timing.within(OLD_SECONDS), timing.within(MOST_OLD_SECONDS)

    def goes_on() -> bool:
        behind = walked.place.rolled < walked.place.due(timing.now(), timing.promised)
        return at_least() or (behind and at_most())

    while True:
        place = walked.place
        end = min(place.end, old, first) if wrapped else min(place.end, old)
        for report in _slices(using, place.rolled + 1, end, goes_on):
            walked.place = replace(walked.place, rolled=report.end)
            walked.findings += report.findings
        if walked.place.rolled < walked.place.end or wrapped:
            return
        walked.place, wrapped = walked.place.turned(last, timing.now()), True


def _slices(using: str, start: int, last: int, goes_on: Callable[[], bool]) -> Iterator[Report]:
    while start <= last and goes_on():
        report = verify_ledger(using, start, slice_end(using, start, last, SLICE))
        yield report
        start = report.end + 1


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
    """Findings of one check at places that follow one another are one; those that a known one
    covers are left out."""
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
    """Out of `chain 12-15 signature`."""
    _, span, check = key.split(" ", 2)
    first, last = span.split("-")
    return int(first), int(last), check
