"""A plain model of the ledger: its expected contents after each step. It is given events and never
reads the ledger."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from events.format.event import ERASED_SALT, GENESIS_HASH, Event
from events.format.gaps import Gap
from events.format.timestamps import format_timestamp
from events.store.ledger import Halt
from events.submission import Submission

RUNNING = Halt(False, None, None)
HALTED = "system.halted"


@dataclass
class Span:
    """The sequences that a key or witness may sign; `agent` None is the system, or a witness."""

    agent: str | None
    first: int
    last: int | None = None

    def covers(self, sequence: int) -> bool:
        return self.first <= sequence and (self.last is None or sequence <= self.last)


@dataclass
class Model:
    """The expected contents of the ledger. `keys` and `witnesses` are by name."""

    keys: dict[str, Span]
    witnesses: dict[str, Span]
    events: dict[int, Event] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    head: int = 0
    head_hash: str = GENESIS_HASH
    count: int = 0
    halt: Halt = RUNNING
    threshold: Decimal = Decimal(5)
    warned: list[str] = field(default_factory=list)
    documented: dict[Gap, int] = field(default_factory=dict)
    unwritten: list[Mapping[str, Any]] = field(default_factory=list)

    def find(self, event_id: str | None) -> Event | None:
        """The event of an id, if it is there."""
        place = self.places.get(event_id or "")
        return None if place is None else self.events[place]

    def as_it_is(self) -> Model:
        """A copy that later steps leave as it is."""
        return replace(
            self,
            keys={name: replace(span) for name, span in self.keys.items()},
            witnesses={name: replace(span) for name, span in self.witnesses.items()},
            events=dict(self.events),
            places=dict(self.places),
        )

    def has_key(self, agent: str | None) -> bool:
        return any(span.agent == agent and span.last is None for span in self.keys.values())

    @property
    def gaps(self) -> list[tuple[Gap, int | None]]:
        """Numbers missing up to the head, and the ceremony that explains them."""
        ends = [0, *sorted(self.events), self.head + 1]
        missing = [Gap(a + 1, b - 1) for a, b in itertools.pairwise(ends) if b - a > 1]
        return [(gap, self.documented.get(gap)) for gap in missing]

    # --- What happens ---------------------------------------------------------------------------

    def append(self, events: Sequence[Event]) -> None:
        """These were added, in this order. Each must have its place, its links and its signers."""
        skips = {d["first"]: d["last"] for d in map(_skipped, events) if d}
        for event in events:
            assert not self.halt.halted or _passes_a_halt(event), f"{event} is behind the halt"
            self.head = skips.get(self.head + 1, self.head)
            assert event.sequence == self.head + 1
            assert event.prev_hash == self.head_hash
            assert event.event_id not in self.places
            assert self.keys[event.signing_key_id].agent == event.agent_id
            assert self.keys[event.signing_key_id].covers(event.sequence)
            assert self.witnesses[event.witness_id].covers(event.sequence)
            self.events[event.sequence] = event
            self.places[event.event_id] = event.sequence
            self.head, self.head_hash = event.sequence, event.content_hash
            self.count += 1
            if event.drift.exceeds(self.threshold):
                self.warned.append(event.event_id)
            self._have_effect(event)

    def lose(self, sequences: range) -> None:
        """A superuser deleted these, with their warnings."""
        for sequence in sequences:
            event = self.events.pop(sequence)
            del self.places[event.event_id]
            if event.event_id in self.warned:
                self.warned.remove(event.event_id)

    def _have_effect(self, event: Event) -> None:
        if event.event_type == HALTED:
            payload = json.loads(event.payload)
            if payload in self.unwritten:
                self.unwritten.remove(payload)
            else:
                self.halt = Halt(True, payload["reason"], None, payload["by"])
        elif event.event_type.startswith("ceremony."):
            effect = getattr(self, "_" + event.event_type.removeprefix("ceremony."))
            effect(event, json.loads(event.payload)["proposal"]["details"])

    def _clear_halt(self, event: Event, details: Any) -> None:
        self.halt = RUNNING

    def _sequence_skip(self, event: Event, details: Any) -> None:
        self.documented[Gap(details["first"], details["last"])] = event.sequence

    def _drift_threshold(self, event: Event, details: Any) -> None:
        self.threshold = Decimal(details["seconds"])

    def _retire_key(self, event: Event, details: Any) -> None:
        span = self._span(details["old_key"])
        span.last = event.sequence if span.last is None else span.last

    def _rotate_key(self, event: Event, details: Any) -> None:
        self._retire_key(event, details)
        old, new = details["old_key"], details["new_key"]
        registry = self.keys if old in self.keys else self.witnesses
        registry[new] = Span(registry[old].agent, event.sequence + 1)

    def _erase_payload(self, event: Event, details: Any) -> None:
        erased = {
            "ceremony_id": json.loads(event.payload)["ceremony_id"],
            "ceremony_sequence": event.sequence,
        }
        self.events[details["sequence"]] = replace(
            self.events[details["sequence"]],
            payload=json.dumps({"erased": erased}),
            payload_salt=ERASED_SALT,
        )

    def _span(self, name: str) -> Span:
        return self.keys[name] if name in self.keys else self.witnesses[name]

    # --- What may be decided --------------------------------------------------------------------

    def allows(self, kind: str, details: Mapping[str, Any]) -> bool:
        """Tells whether a ceremony may say this now."""
        check = getattr(self, "_may_" + kind, None)
        return check is None or bool(check(details))

    def _may_clear_halt(self, details: Any) -> bool:
        named = (details["halted_at"], details["halt_reason"])
        return self.halt.halted and named == (self.halt.halted_at, self.halt.reason)

    def _may_sequence_skip(self, details: Any) -> bool:
        gap = Gap(details["first"], details["last"])
        if gap in self.documented:
            return False
        return (gap, None) in self.gaps or (gap.start == self.head + 1 and self.head > 0)

    def _may_erase_payload(self, details: Any) -> bool:
        event = self.events.get(details["sequence"])
        return (
            event is not None
            and event.agent_id is not None
            and event.event_id == details["event_id"]
            and event.payload_salt != ERASED_SALT
        )

    def _may_retire_key(self, details: Any) -> bool:
        name = details["old_key"]
        if self._span(name).last is not None:
            return False
        if name in self.witnesses:
            return sum(span.last is None for span in self.witnesses.values()) > 1
        return self.keys[name].agent is not None

    def _may_rotate_key(self, details: Any) -> bool:
        old, new = details["old_key"], details["new_key"]
        if new in self.keys or new in self.witnesses:
            return False
        is_active = self._span(old).last is None
        return is_active or (old in self.keys and not self.has_key(self.keys[old].agent))


def is_same(wanted: Submission, stored: Event) -> bool:
    """Tells whether an event is what was submitted."""
    return (
        stored.event_type == wanted.event_type
        and stored.agent_id == wanted.agent_id
        and (
            wanted.local_timestamp is None
            or stored.local_timestamp == format_timestamp(wanted.local_timestamp)
        )
        and (
            stored.payload_salt == ERASED_SALT
            or stored.canonical_payload == wanted.canonical_payload
        )
    )


def _skipped(event: Event) -> Any:
    is_skip = event.event_type == "ceremony.sequence_skip"
    return json.loads(event.payload)["proposal"]["details"] if is_skip else None


def _passes_a_halt(event: Event) -> bool:
    return event.event_type == HALTED or event.event_type.startswith("ceremony.")
