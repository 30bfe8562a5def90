"""Findings of the watch in sentences, each with the page of its place.

Invariant: a finding that no sentence is known for is shown by its own name, never left out.

The findings of the watch, as its page and the banner show them: those that are open, with what
the last look could not write into the ledger, and those that are closed.
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

FAILED = {
    Check.FORMAT: "a field has not the form that the event format asks for",
    Check.PAYLOAD_HASH: "the payload is not the one that was signed",
    Check.CONTENT_HASH: "the content is not the one that was hashed",
    Check.PREV_HASH: "it does not follow from the event before it",
    Check.SIGNING_KEY: "the signing key is not its agent's, or not valid there",
    Check.SIGNATURE: "the agent's signature does not verify",
    Check.WITNESS: "the witness is not registered, or not valid there",
    Check.WITNESS_SIGNATURE: "the witness's signature does not verify",
    Check.HEAD: "it disagrees with the record of appends",
    Check.CEREMONY: "the ceremony that it records is not what people signed",
    Check.RECORDS: "what the database keeps beside it says something else",
}
"""What is wrong with an event that fails a check."""

ALTERED = frozenset({Check.PAYLOAD_HASH, Check.CONTENT_HASH, Check.FORMAT})
"""Checks that an event fails when somebody changed what it says."""

SEVERITIES = {Kind.GUARDS: "serious", Kind.ROUND: "late"}
"""How grave a kind is, where it is not critical: evidence is lost or changed."""

SHOWN = 200
"""Characters of a value of the database's catalogue that a sentence repeats."""


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence, and the page of the place that it speaks of."""

    sentence: str
    href: str
    link: str


def words(key: str, deviation: str = "null") -> Words:
    """A finding by its key; `deviation` is the first guard of a finding about guards, as JSON."""
    kind, _, place = key.partition(" ")
    try:
        if kind == Kind.GUARDS:
            return _guards(json.loads(deviation))
        return _WORDS[Kind(kind)](place)
    except (KeyError, ValueError):
        return Words(f"A finding without words of its own: {key}.", reverse("watch"), "Watch")


def severity(key: str) -> str:
    """`critical`, `serious` or `late`."""
    kind = key.partition(" ")[0]
    return SEVERITIES.get(Kind(kind), "critical") if kind in set(Kind) else "critical"


def altered(key: str) -> range | None:
    """The sequences that a finding of the chain is about; None for other kinds."""
    kind, _, place = key.partition(" ")
    if kind != Kind.CHAIN:
        return None
    first, last, _ = _chain_place(place)
    return range(first, last + 1)


def was_altered(key: str) -> bool:
    """Whether a finding of the chain says that an event was changed, and not that of its keys."""
    return _chain_place(key.partition(" ")[2])[2] in ALTERED


def deviation_sentence(aspect: str, subject: str, expected: Any, found: Any) -> str:
    """One guard that is not in place."""
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
    wrong = FAILED[Check(check)] if check in set(Check) - {Check.GAP} else f"check {check}"
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
    return Words(f"Events {named} name one and the same event before them.", *_event(int(sides[0])))


def _rollback(place: str) -> Words:
    sequence, beginning = place.split("/")
    return Words(
        f"The ledger was rolled back: event {sequence} (hash {beginning}…) was seen here as its "
        "last one, and is not there any more.",
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
