"""Collects the state of the ledger for every page, and puts what is wrong into words.

Slow parts (gap scan, guards, verifications, findings) come from the cache while they are fresh.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.urls import reverse

from events.store.status import LedgerTail, read_tail
from observers.continuity import Continuity, recall_continuity
from observers.guards.look import Guards, compare_guards
from observers.pages.cache import cached_in_proportion
from observers.pages.findings import (
    Findings,
    OpenFinding,
    altered,
    deviation_sentence,
    read_findings,
    was_altered,
)
from observers.verification.report import KnownGap
from observers.verification_jobs.history import Latest, latest
from observers.watch.findings import Kind


@dataclass(frozen=True, slots=True)
class GapScan:
    """Result and time of a gap scan of the whole ledger."""

    found: Continuity
    scanned_at: datetime

    @property
    def first_undocumented(self) -> KnownGap | None:
        """The lowest unexplained gap among those listed."""
        return next((known for known in self.found.listed if not known.documented), None)

    @property
    def complete_through(self) -> int:
        """The last number up to which the scan found nothing missing without explanation."""
        if not self.found.undocumented_gaps:
            return self.found.end
        first = self.first_undocumented
        return first.gap.start - 1 if first else self.found.listed[-1].gap.end

    @property
    def looked_since(self) -> datetime:
        """The time since which every number of the ledger was checked."""
        return self.found.looked_since or self.scanned_at

    @property
    def documented_gaps(self) -> int:
        return self.found.gap_count - self.found.undocumented_gaps

    @property
    def documented_missing(self) -> int:
        return self.found.missing_count - self.found.undocumented_missing


SENTENCES = 3
"""Most findings of the watch that the banner lists."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A problem shown in the banner, in a few words (`short`) and in full. `href` leads to the
    page about it. A halt has `since` (a canonical timestamp) and `by`, if they are known."""

    short: str
    title: str
    text: str
    href: str
    link: str
    halt: bool = False
    since: str | None = None
    by: str | None = None
    findings: tuple[OpenFinding, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """State of the ledger: its end, gaps, database guards, last full verification and the open
    findings of the watch."""

    standing: LedgerTail
    scan: GapScan
    guards: Guards
    verified: Latest
    watched: Findings

    @property
    def halted(self) -> bool:
        return self.standing.halt is None or self.standing.halt.halted

    @property
    def empty(self) -> bool:
        return self.standing.last_sequence == 0

    @property
    def sound(self) -> bool:
        return not self.alarms()

    @property
    def verdict(self) -> str:
        """The state in one sentence, for the heading of the overview."""
        if self.halted:
            return "The ledger is halted."
        if alarms := self.alarms():
            return f"The ledger needs attention: {', '.join(each.short for each in alarms)}."
        if self.empty:
            return "The ledger is empty and ready."
        explained = " unexplained" if self.scan.found.gap_count else ""
        return f"The ledger is running, and no number is missing{explained}."

    @property
    def complete_href(self) -> str:
        """The page behind the number up to which nothing is missing."""
        if self.empty:
            return reverse("events")
        if self.scan.found.undocumented_gaps:
            return reverse("gaps")
        return reverse("event", args=[self.scan.complete_through])

    def alarms(self) -> list[Alarm]:
        """Return what is wrong, the most severe first."""
        found = [
            self._halt(),
            self._end(),
            self._gaps(),
            self._watch(),
            self._verification(),
            self._guards(),
        ]
        return [alarm for alarm in found if alarm]

    def _halt(self) -> Alarm | None:
        if not self.halted:
            return None
        halt = self.standing.halt
        why = f"Reason: {halt.reason}." if halt else "The record of the halt is gone."
        return Alarm(
            "HALTED",
            "The ledger is halted",
            f"No event is accepted until three people clear the halt. {why} "
            "Everything recorded before can still be read and verified.",
            reverse("halt"),
            "What to do",
            halt=True,
            since=halt.halted_at if halt else None,
            by=halt.halted_by if halt else None,
        )

    def _end(self) -> Alarm | None:
        if self.standing.ends_at_head:
            return None
        head, tail = self.standing.head.max_sequence, self.standing.tail_sequence
        if tail < head:
            short = "end cut off"
            text = (
                f"The last event should be number {head}, but the last one found is {tail}. "
                "Events were removed from the end."
            )
        elif tail > head:
            short = "events behind the end"
            text = (
                f"The ledger's own record ends at number {head}, but events up to {tail} were "
                "found. They were not written by the ledger."
            )
        else:
            short = "last event replaced"
            text = f"Event {head} is not the one that was recorded. It was changed or replaced."
        title = "The end of the ledger is not what was recorded"
        if tail < head:
            return Alarm(short, title, text, reverse("gaps"), "See which numbers")
        return Alarm(short, title, text, reverse("event", args=[tail]), "See that event")

    def _gaps(self) -> Alarm | None:
        count, missing = self.scan.found.undocumented_gaps, self.scan.found.undocumented_missing
        if not count:
            return None
        numbers = "1 number is" if missing == 1 else f"{missing:,} numbers are"
        places = "one place" if count == 1 else f"{count:,} places"
        first = self.scan.first_undocumented
        where = f", first at {first.gap.start}" if first else ""
        return Alarm(
            f"{missing:,} missing",
            "Events are missing",
            f"{numbers} missing from the sequence in {places}{where}, and no ceremony explains "
            f"{'it' if missing == 1 else 'them'}. Every event gets the next number, so a missing "
            "number means a lost or removed event.",
            reverse("gaps"),
            "See which numbers",
        )

    def _watch(self) -> Alarm | None:
        """Findings that only the watch knows: an event that does not verify, a gap that the cached
        scan does not show, a guard that was off for a while."""
        alarmed = {
            Kind.HEAD.value: not self.standing.ends_at_head,
            Kind.GAP.value: bool(self.scan.found.undocumented_gaps),
            Kind.GUARDS.value: bool(self.guards.deviations),
        }
        found = [each for each in self.watched.open if not alarmed.get(each.kind)]
        counted = sum(n for kind, n in self.watched.counted.items() if not alarmed.get(kind))
        count = max(len(found), counted)
        if not count:
            return None
        more = count - min(len(found), SENTENCES)
        rest = "" if not more else f"{more:,} more." if found else f"{count:,} findings are open."
        one = found[0].words if count == 1 and found else None
        return Alarm(
            _short(found, count),
            "The watch found something wrong",
            rest,
            one.href if one else reverse("watch"),
            "See all findings",
            findings=tuple(found[:SENTENCES]),
        )

    def _verification(self) -> Alarm | None:
        forged = self.verified.forged
        if forged:
            return Alarm(
                "forged verification",
                "A verification record is not from this portal",
                "Somebody wrote it into the database, or it was made with another secret key. "
                "It proves nothing. Shown until a later verification ends.",
                reverse("verification", args=[forged.pk]),
                "See which",
            )
        last = self.verified.unsound
        if last is None:
            return None
        count = "1 finding" if last.finding_count == 1 else f"{last.finding_count:,} findings"
        return Alarm(
            f"verification: {count}",
            "The last verification found something wrong",
            f"It checked sequence {last.start_sequence} to {last.reached_sequence}: {count}. Shown "
            "until a later verification of the same range, here or by verify_ledger --record, "
            "passes.",
            reverse("verification", args=[last.pk]),
            "See what it found",
        )

    def _guards(self) -> Alarm | None:
        deviations = self.guards.deviations
        if not deviations:
            return None
        first, count = deviations[0], len(deviations)
        wrong = deviation_sentence(first.aspect, first.subject, first.expected, first.found)
        more = f" {count - 1} more differ." if count > 1 else ""
        return Alarm(
            "1 guard off" if count == 1 else f"{count} guards off",
            "A guard of the database is not in place",
            f"{wrong}{more} While that is so, the database itself might not stop "
            "somebody from changing what is recorded. The checks of the chain still show a change.",
            reverse("overview") + "#guards",
            "See which, and what to do",
        )


def _short(found: list[OpenFinding], count: int) -> str:
    """Summarize findings: the number of altered or unverifiable events, else of findings."""
    places = [place for each in found if (place := altered(each.key)) is not None]
    if len(places) < count:
        return "1 finding" if count == 1 else f"{count:,} findings"
    events = sum(len(place) for place in _joined(places))
    if all(was_altered(each.key) for each in found):
        return f"{events:,} altered"
    return "1 does not verify" if events == 1 else f"{events:,} do not verify"


def _joined(places: list[range]) -> list[range]:
    """Merge overlapping and adjacent ranges."""
    joined: list[range] = []
    for place in sorted(places, key=lambda each: each.start):
        if joined and place.start <= joined[-1].stop:
            joined[-1] = range(joined[-1].start, max(joined[-1].stop, place.stop))
        else:
            joined.append(place)
    return joined


def read_status(using: str = "") -> LedgerStatus:
    """Return the current state. The end of the ledger is read from `using`, by default the
    observers' database; the guards are those of the role that writes."""
    guards = cached_in_proportion("guards", "default", compare_guards)
    verified = cached_in_proportion("verified", "default", latest)
    watched = cached_in_proportion("watched", "default", read_findings)
    standing = read_tail(using or settings.LEDGER_READ_ALIAS)
    return LedgerStatus(
        standing,
        _scan(settings.LEDGER_READ_ALIAS),
        guards.answer,
        verified.answer,
        watched.answer,
    )


def _scan(using: str) -> GapScan:
    known = cached_in_proportion("gaps", using, lambda: recall_continuity(using))
    return GapScan(known.answer, known.found_at)
