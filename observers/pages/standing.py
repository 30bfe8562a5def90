"""The ledger's standing as every page shows it: what is well, and in plain words what is not.

It must never hide trouble it knows of, and never make a page wait for a scan that is still good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse

from events.store.standing import Standing, read_standing
from observers.continuity import Continuity, recall_continuity
from observers.guards.look import Guards, look_at_guards
from observers.pages.remembered import remembered
from observers.report import KnownGap
from observers.verifications import Latest, latest
from observers.watch.findings import Kind
from observers.watch.looks import last_open_findings


@dataclass(frozen=True, slots=True)
class GapScan:
    """What a scan of the whole ledger found, and when."""

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
        """The moment since which every number of the ledger was looked at."""
        return self.found.looked_since or self.scanned_at

    @property
    def documented_gaps(self) -> int:
        return self.found.gap_count - self.found.undocumented_gaps

    @property
    def documented_missing(self) -> int:
        return self.found.missing_count - self.found.undocumented_missing


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something an auditor must know at once. `href` explains it further."""

    title: str
    text: str
    href: str
    link: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """The standing together with the gaps, the database's own guards, and when the ledger was
    last verified from its beginning, and what was open after the last look of the watch."""

    standing: Standing
    scan: GapScan
    guards: Guards
    verified: Latest
    watched: Mapping[str, int]

    @property
    def halted(self) -> bool:
        return self.standing.halt is None or self.standing.halt.halted

    @property
    def empty(self) -> bool:
        return self.standing.last_sequence == 0

    @property
    def sound(self) -> bool:
        return not self.alarms()

    def alarms(self) -> list[Alarm]:
        """What is wrong, the gravest first."""
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
        why = f"The reason given: {halt.reason}." if halt else "The record of its state is gone."
        return Alarm(
            "The ledger is halted",
            f"No new event is accepted until people have looked into it. {why} "
            "Everything recorded before can still be read and checked.",
            reverse("ceremonies"),
            "Only a ceremony clears it",
        )

    def _end(self) -> Alarm | None:
        if self.standing.ends_at_head:
            return None
        head, tail = self.standing.head.max_sequence, self.standing.tail_sequence
        if tail < head:
            text = (
                f"The last event should be number {head}, but the last one found is {tail}. "
                "Events were removed from the end."
            )
        elif tail > head:
            text = (
                f"The ledger's own record ends at number {head}, but events up to {tail} were "
                "found. They were not written by the ledger."
            )
        else:
            text = f"Event {head} is not the one that was recorded. It was changed or replaced."
        title = "The end of the ledger is not what was recorded"
        if tail < head:
            return Alarm(title, text, reverse("gaps"), "See which numbers")
        return Alarm(title, text, reverse("event", args=[tail]), "See that event")

    def _gaps(self) -> Alarm | None:
        count, missing = self.scan.found.undocumented_gaps, self.scan.found.undocumented_missing
        if not count:
            return None
        numbers = "1 number is" if missing == 1 else f"{missing:,} numbers are"
        places = "one place" if count == 1 else f"{count:,} places"
        first = self.scan.first_undocumented
        where = f", first at {first.gap.start}" if first else ""
        return Alarm(
            "Events are missing",
            f"{numbers} missing from the sequence in {places}{where}, and no ceremony explains "
            f"{'it' if missing == 1 else 'them'}. Every event gets the next number, so a missing "
            "number means a lost or removed event.",
            reverse("gaps"),
            "See which numbers",
        )

    def _watch(self) -> Alarm | None:
        """What only the watch knows of: an event that does not verify, a gap where the memory of
        the numbers says there is none, a guard that was off for a while."""
        told = {
            Kind.HEAD: not self.standing.ends_at_head,
            Kind.GAP: bool(self.scan.found.undocumented_gaps),
            Kind.GUARDS: bool(self.guards.deviations),
        }
        unsaid = {kind: n for kind, n in self.watched.items() if not told.get(Kind(kind))}
        if not unsaid:
            return None
        kinds = ", ".join(f"{count} {kind}" for kind, count in unsaid.items())
        return Alarm(
            "The watch found something wrong",
            f"At its last look these findings were open: {kinds}. The ledger itself names each.",
            reverse("watch"),
            "See which",
        )

    def _verification(self) -> Alarm | None:
        last = self.verified.finished
        if last is None or not last.finding_count:
            return None
        count = last.finding_count
        return Alarm(
            "The last verification found something wrong",
            f"It looked at sequence 1 to {last.end_sequence} and made "
            f"{'1 finding' if count == 1 else f'{count:,} findings'}. This stays here until a "
            "verification from the beginning finds nothing.",
            reverse("verification", args=[last.pk]),
            "See what it found",
        )

    def _guards(self) -> Alarm | None:
        deviations = self.guards.deviations
        if not deviations:
            return None
        more = f" (and {len(deviations) - 1} more)" if len(deviations) > 1 else ""
        return Alarm(
            "A guard of the database is not in place",
            f"{deviations[0]}{more}. While that is so, the database itself might not stop "
            "somebody from changing what is recorded. The checks of the chain still show a change.",
            reverse("overview") + "#guards",
            "See which, and what to do",
        )


def read_outlook(using: str = "") -> Outlook:
    """How the ledger stands now, for the observers' database or the one named: its end is read
    there. The guards are those of the role that writes."""
    guards = remembered("guards", "default", look_at_guards)
    verified = remembered("verified", "default", latest)
    watched = remembered("watched", "default", last_open_findings)
    standing = read_standing(using or settings.LEDGER_READ_ALIAS)
    return Outlook(
        standing,
        _scan(settings.LEDGER_READ_ALIAS),
        guards.answer,
        verified.answer,
        watched.answer,
    )


def _scan(using: str) -> GapScan:
    known = remembered("gaps", using, lambda: recall_continuity(using))
    return GapScan(known.answer, known.found_at)
