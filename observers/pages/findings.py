"""The findings of the watch, as its page and the banner show them: those that are open, with what
the last look could not write into the ledger, and those that are closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from events.models import WatchLook
from events.store.connection import named_errors
from events.store.watching import RecordedEvent, recorded_events
from observers.pages.finding_words import Words, severity, words
from observers.watch.findings import CLOSED, RESTORED, TYPES, Kind, known_findings
from observers.watch.memory import recently_open

PAST = 20
"""Closed findings that are shown, the last ones."""


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """One finding. `sequence` and `since` are of the event that opened it; None while the ledger
    takes no event. `detail` is what the check said."""

    key: str
    words: Words
    severity: str
    detail: str
    sequence: int | None
    since: str | None

    @property
    def kind(self) -> str:
        return self.key.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class ClosedFinding:
    """What a finding was, and the event that closed it."""

    words: Words
    sequence: int
    at: str


@dataclass(frozen=True, slots=True)
class Findings:
    """Open ones, the gravest kind first; closed ones, the last first; and how many of each kind
    the last look counted. An event of the watch that is itself found wrong is believed by the
    ledger's readers and not by the watch: then the look counts more than are listed."""

    open: tuple[OpenFinding, ...]
    closed: tuple[ClosedFinding, ...]
    counted: Mapping[str, int]

    @property
    def unlisted(self) -> int:
        """Findings that the last look counted and the ledger's events do not name."""
        return max(sum(self.counted.values()) - len(self.open), 0)

    @property
    def count(self) -> int:
        """Open findings, listed or not."""
        return len(self.open) + self.unlisted


def read_findings() -> Findings:
    """What the ledger and the last look say of findings."""
    recorded = recorded_events("default", TYPES)
    with named_errors():
        last = WatchLook.objects.order_by("-pk").first()
    by_sequence = {each.sequence: each for each in recorded}
    known = known_findings(
        (each.sequence, each.event_type, each.finding, each.authority_timestamp)
        for each in recorded
    )
    found = [_open(each.key, by_sequence[each.sequence]) for each in known.values()]
    unrecorded = map(str, last.unrecorded) if last else ()
    found += [_open(key, None) for key in unrecorded if key not in known]
    order = {str(kind): place for place, kind in enumerate(Kind)}
    found.sort(key=lambda each: order.get(each.kind, -1))
    closed = [
        ClosedFinding(words(each.finding), each.sequence, each.authority_timestamp)
        for each in recorded
        if each.event_type in (CLOSED, RESTORED)
    ]
    counted = Counter(last.open_findings if last else {}) | Counter(recently_open())
    return Findings(tuple(found), tuple(closed[::-1][:PAST]), counted)


def _open(key: str, opened: RecordedEvent | None) -> OpenFinding:
    deviation = opened.deviation if opened else "null"
    return OpenFinding(
        key,
        words(key, deviation),
        severity(key),
        opened.detail if opened else "",
        opened.sequence if opened else None,
        opened.authority_timestamp if opened else None,
    )
