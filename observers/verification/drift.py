"""Check 13 of drift: compares the stored drift warnings with the two times of each event.

An event whose times differ by more than the threshold then in force has exactly one warning, with
its times and their difference; other events have none. The threshold is what the last sound event
before it decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from itertools import chain
from typing import NamedTuple

from django.db import ProgrammingError

from events.format import canonical
from events.format.drift import DEFAULT_THRESHOLD_SECONDS
from events.format.key_events import THRESHOLD_SET
from events.store.connection import first_line
from events.store.drift import drifted_in_range, warnings_of_range
from observers.verification.ceremonies import ceremony_details
from observers.verification.checks import Check, Finding
from observers.verification.keyring import Keyring
from observers.verification.sound_ceremonies import sound_records

THRESHOLD = "ceremony.drift_threshold"
MICROSECOND = timedelta(microseconds=1)
MILLISECOND = Decimal("0.001")


class Warned(NamedTuple):
    """One warning about an event of the range."""

    sequence: int
    id: int
    local_timestamp: str | None
    authority_timestamp: str | None
    drift_seconds: Decimal | None


class Thresholds:
    """The threshold in force at each sequence."""

    def __init__(self, decided: Sequence[tuple[int, Decimal]]) -> None:
        self._decided = [(place, _microseconds(seconds)) for place, seconds in decided]

    def at(self, sequence: int) -> int:
        """Returns the threshold in microseconds."""
        for place, limit in reversed(self._decided):
            if place < sequence:
                return limit
        return _microseconds(DEFAULT_THRESHOLD_SECONDS)


class DriftCheck:
    """Compares the warnings of start … end with the events passed to `take`."""

    def __init__(
        self,
        thresholds: Thresholds,
        warnings: Sequence[Warned],
        drifted: Sequence[tuple[int, str | None]],
    ) -> None:
        self._thresholds = thresholds
        self._warnings: dict[int, list[Warned]] = {}
        for each in warnings:
            self._warnings.setdefault(each.sequence, []).append(each)
        self._drifted: dict[int, list[str | None]] = {}
        for sequence, agent in drifted:
            self._drifted.setdefault(sequence, []).append(agent)
        self._findings: list[Finding] = []

    def take(
        self, sequence: int, agent_id: str | None, local: str | None, authority: str | None
    ) -> None:
        """Compares one event. An event with unreadable times has no drift; check 2 reports it."""
        try:
            apart = abs(
                datetime.fromisoformat(local or "") - datetime.fromisoformat(authority or "")
            )
        except (ValueError, TypeError):
            return
        limit = self._thresholds.at(sequence)
        micros = apart // MICROSECOND
        warned = self._warnings.get(sequence, ())
        if not warned:
            if micros > limit:
                text = f"its clocks differ by {_seconds(micros)} s, but there is no warning"
                self._find(sequence, text)
        elif micros <= limit:
            text = f"there is a warning, but its clocks differ by {_seconds(micros)} s"
            self._find(sequence, f"{text} of {_seconds(limit)} s allowed")
        for number, each in enumerate(warned):
            if number or each[2:] != (local, authority, _rounded(micros)):
                self._find(
                    sequence,
                    f"warning {each.id} says {each.drift_seconds} s between "
                    f"{each.local_timestamp} and {each.authority_timestamp}"
                    + ("; it has another warning" if number else ""),
                )
        listed = self._drifted.get(sequence, [])
        if listed != ([agent_id] if warned else []):
            self._find(sequence, "the list of drifted events disagrees with its warnings")

    def finish(self) -> Iterator[Finding]:
        """Returns the findings."""
        yield from self._findings

    def _find(self, sequence: int, text: str) -> None:
        self._findings.append(Finding(sequence, Check.RECORDS, text))


class _Unreadable(DriftCheck):
    """Stands in for warnings that cannot be read."""

    def __init__(self, start: int, why: str) -> None:
        super().__init__(Thresholds([]), [], [])
        self._find(start, f"the warnings of clock drift cannot be read: {why}")

    def take(
        self, sequence: int, agent_id: str | None, local: str | None, authority: str | None
    ) -> None:
        pass


def thresholds_of(using: str, keys: Keyring) -> Thresholds:
    """Builds the thresholds from the chain."""
    decided = []
    records = chain(
        sound_records(using, THRESHOLD, keys), sound_records(using, THRESHOLD_SET, keys)
    )
    for record in sorted(records, key=lambda each: each.sequence):
        try:
            if record.event_type == THRESHOLD:
                said = ceremony_details(record)
            else:
                said = canonical.parse(record.payload, stored=True).value
            decided.append((record.sequence, Decimal(said["seconds"])))
        except (InvalidOperation, KeyError, TypeError):
            continue  # no such event has an effect
    return Thresholds(decided)


def drift_check(using: str, thresholds: Thresholds, start: int, end: int) -> DriftCheck:
    """Returns the comparison for a range of the database's ledger."""
    try:
        warnings = [Warned(*row) for row in warnings_of_range(using, start, end)]
        return DriftCheck(thresholds, warnings, drifted_in_range(using, start, end))
    except ProgrammingError as error:  # a table renamed or dropped is no end of a verification
        return _Unreadable(start, first_line(error))


def _microseconds(seconds: Decimal) -> int:
    return int(seconds * 1_000_000)


def _seconds(micros: int) -> Decimal:
    return Decimal(micros).scaleb(-6).normalize()


def _rounded(micros: int) -> Decimal:
    return Decimal(micros).scaleb(-6).quantize(MILLISECOND, ROUND_HALF_UP)
