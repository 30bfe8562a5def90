"""The answers that the load received, and the events that must therefore be in the ledger."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

BROKEN = "broken connection"
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Sent:
    """One sent event; `payload` is the SHA-256 of its canonical payload."""

    agent_id: str
    event_type: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """The position of an event according to an answer."""

    sequence: int
    content_hash: str


@dataclass
class Tally:
    """Shared by all threads of the load."""

    stopping: threading.Event = field(default_factory=threading.Event)
    sent: dict[str, Sent] = field(default_factory=dict)
    acknowledged: dict[str, Stored] = field(default_factory=dict)
    abandoned: list[list[str]] = field(default_factory=list)
    """The ids of requests whose answer was lost and that were not sent again."""
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    reads: list[float] = field(default_factory=list)
    """The time at which each read that leaves an entry in the access log was answered."""
    created: list[tuple[float, float]] = field(default_factory=list)
    """The times at which each request answered with 201 was sent and answered."""
    faults: list[str] = field(default_factory=list)
    fault_count: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answered(self, who: str, outcome: int | str) -> None:
        with self._lock:
            self.answers[who, str(outcome)] += 1

    def read(self) -> None:
        with self._lock:
            self.reads.append(time.monotonic())

    def note(self, what: str, count: int = 1) -> None:
        with self._lock:
            self.notes[what] += count

    def fault(self, text: str) -> None:
        """Count a fault. The first ones are kept as text."""
        with self._lock:
            self.fault_count += 1
            if len(self.faults) < MOST_SHOWN:
                self.faults.append(text)

    def send(self, events: dict[str, Sent]) -> None:
        with self._lock:
            self.sent |= events

    def acknowledge(self, places: dict[str, Stored]) -> None:
        with self._lock:
            self.acknowledged |= places

    def was_created(self, sent: float) -> None:
        with self._lock:
            self.created.append((sent, time.monotonic()))

    def abandon(self, ids: list[str]) -> None:
        with self._lock:
            self.abandoned.append(ids)

    def so_far(self) -> dict[str, Stored]:
        """The events acknowledged so far."""
        with self._lock:
            return dict(self.acknowledged)
