"""Findings of the watch, open and closed, as sentences with a link to the place.

Open findings include those that the watch could not record because the ledger takes no event.
Invariant: a finding without a sentence of its own is shown by its key, never left out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from events.models import WatchLook
from events.store.connection import named_errors
from events.store.integrity import RecordedEvent, recorded_events
from observers.verification.checks import Check
from observers.watch.findings import CLOSED, RESTORED, TYPES, Kind, known_findings
from observers.watch.memory import recently_open

ALTERED = frozenset({Check.PAYLOAD_HASH, Check.CONTENT_HASH, Check.FORMAT})
"""Checks that fail when somebody changed the event's content."""

SEVERITIES = {Kind.GUARDS: "serious", Kind.ROUND: "late"}
"""Severity of a kind. Others are critical: evidence was lost or changed."""

COUNTED = {
    Kind.ROLLBACK: ("rollback", "rollbacks"),
    Kind.HEAD: ("wrong end", "wrong ends"),
    Kind.FORK: ("fork", "forks"),
    Kind.CHAIN: ("failed check", "failed checks"),
    Kind.GAP: ("gap", "gaps"),
    Kind.STRAY: ("misplaced event", "misplaced events"),
    Kind.GUARDS: ("guard off", "guards off"),
    Kind.ROUND: ("late re-check", "late re-checks"),
}
"""The name of a kind, for one finding and for several."""

SHOWN = 200
"""Characters shown of a value from the database's catalogue."""


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence and a link to the place it is about."""

    sentence: str
    href: str
    link: str


def words(key: str, deviation: str = "null") -> Words:
    """Describe a finding by its key; `deviation` is the first deviating guard, as JSON."""
    kind, _, place = key.partition(" ")
    try:
        if kind == Kind.GUARDS:
            return _guards(json.loads(deviation))
        return _WORDS[Kind(kind)](place)
    except (KeyError, ValueError):
        return Words(f"Unknown kind of finding: {key}.", reverse("watch"), "Watch")


def severity(key: str) -> str:
    """`critical`, `serious` or `late`."""
    kind = key.partition(" ")[0]
    return SEVERITIES.get(Kind(kind), "critical") if kind in set(Kind) else "critical"


def counts(found: Mapping[str, int]) -> str:
    """Describe counts by kind, such as `1 gap, 2 failed checks`."""
    known = {str(kind): names for kind, names in COUNTED.items()}
    return ", ".join(
        f"{count:,} {known.get(kind, (kind, kind))[count != 1]}" for kind, count in found.items()
    )


def altered(key: str) -> range | None:
    """Return the sequences of a chain finding; None for other kinds."""
    kind, _, place = key.partition(" ")
    if kind != Kind.CHAIN:
        return None
    first, last, _ = _chain_place(place)
    return range(first, last + 1)


def was_altered(key: str) -> bool:
    """True if a chain finding is about changed content rather than about keys."""
    return _chain_place(key.partition(" ")[2])[2] in ALTERED


def deviation_sentence(aspect: str, subject: str, expected: Any, found: Any) -> str:
    """Describe one guard that is not in place."""
    what = f"The {aspect} {subject}"
    if expected is None:
        return f"{what} should not be there; it is “{str(found)[:SHOWN]}”."
    if found is None:
        return f"{what} is gone; it should be “{str(expected)[:SHOWN]}”."
    return f"{what} should be “{str(expected)[:SHOWN]}” and is “{str(found)[:SHOWN]}”."


def _event(sequence: int) -> tuple[str, str]:
    return reverse("event", args=[sequence]), f"Event {sequence}"


def _chain_place(place: str) -> tuple[int, int, str]:
    numbers, check = place.split(" ")
    first, last = numbers.split("-")
    return int(first), int(last), check


def _chain(place: str) -> Words:
    first, last, check = _chain_place(place)
    which = f"Event {first}" if first == last else f"Each of events {first} to {last}"
    wrong = Check(check).failure if check in set(Check) else f"check {check}"
    return Words(f"{which} fails a check: {wrong}.", *_event(first))


def _gap(place: str) -> Words:
    first, last = map(int, place.split("-"))
    if first == last:
        sentence = f"Number {first} is missing, and no ceremony explains it."
    else:
        sentence = (
            f"Numbers {first} to {last} are missing ({last - first + 1:,}), and no ceremony "
            "explains them."
        )
    return Words(sentence, reverse("event", args=[first]), f"Number {first}")


def _stray(place: str) -> Words:
    number, _, event_id = place.partition("/")
    if not event_id:
        return Words(f"More than one event has the number {int(number)}.", *_event(int(number)))
    if number == "none":
        return Words(f"Event {event_id} has no number.", reverse("watch"), "Watch")
    sentence = f"Event {event_id} has the number {int(number)}; the first is 1."
    return Words(sentence, reverse("watch"), "Watch")


def _head(place: str) -> Words:
    head, tail, _ = place.split("/")
    if head == tail:
        sentence = f"The last event, {tail}, is not the one that was recorded."
    else:
        sentence = f"The events end at {tail}, and the record of appends ends at {head}."
    if int(tail) < 1:
        return Words(sentence, reverse("gaps"), "Gaps")
    return Words(sentence, *_event(int(tail)))


def _fork(place: str) -> Words:
    sides = place.split(",")
    named = f"{', '.join(sides[:-1])} and {sides[-1]}"
    return Words(f"Events {named} link to the same previous event.", *_event(int(sides[0])))


def _rollback(place: str) -> Words:
    sequence, beginning = place.split("/")
    return Words(
        f"The ledger was rolled back: event {sequence} (hash {beginning}…) was seen as the last "
        "event and is gone.",
        *_event(int(sequence)),
    )


def _round(place: str) -> Words:
    sentence = "Old events were not verified again within the promised time."
    return Words(sentence, reverse("watch"), "Watch")


def _guards(first: dict[str, Any] | None) -> Words:
    sentence = "A guard of the database is not in place."
    if first is not None:
        names = ("aspect", "subject", "expected", "found")
        sentence = deviation_sentence(*(first[name] for name in names))
    return Words(sentence, reverse("overview") + "#guards", "Guards")


_WORDS: dict[Kind, Callable[[str], Words]] = {
    Kind.ROLLBACK: _rollback,
    Kind.HEAD: _head,
    Kind.FORK: _fork,
    Kind.CHAIN: _chain,
    Kind.GAP: _gap,
    Kind.STRAY: _stray,
    Kind.ROUND: _round,
}


PAST = 20
"""Most closed findings shown, the latest first."""


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """An open finding. `sequence` and `since` are those of the event that recorded it; None while
    the ledger takes no event. `detail` is the message of the check."""

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
    """A closed finding and the event that closed it."""

    words: Words
    sequence: int
    at: str


@dataclass(frozen=True, slots=True)
class Findings:
    """Open findings, the most severe kind first; closed ones, the latest first; and the counts
    of the last check by kind. The watch ignores its own events that fail a check, so it can
    count more findings than are listed."""

    open: tuple[OpenFinding, ...]
    closed: tuple[ClosedFinding, ...]
    counted: Mapping[str, int]

    @property
    def unlisted(self) -> int:
        """Findings counted by the last check that no event in the ledger lists."""
        return max(sum(self.counted.values()) - len(self.open), 0)

    @property
    def count(self) -> int:
        """Open findings, listed or not."""
        return len(self.open) + self.unlisted


def read_findings() -> Findings:
    """Read the findings from the ledger and the last check of the watch."""
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
