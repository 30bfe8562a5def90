"""Verifies an export without the database. An export file (JSON lines) is the second
`EventStoreProtocol`: it is streamed, and any line that cannot be read is refused. `export_keys`
finds its keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from events.errors import CanonicalJSONError, LedgerError
from events.format import canonical
from events.format.event import FIELDS, Event
from events.format.gaps import SequenceOrderError, validate_sequence_continuity
from events.store.ledger import EventStoreProtocol
from observers.verification.keyring import Keyring
from observers.verification.partial_report import before_the_first, finish
from observers.verification.range_scan import Advance, RangeScan, boundary, ignore
from observers.verification.report import Report
from observers.verification.sound_ceremonies import erasures_in


def verify_export(
    source: EventStoreProtocol,
    keys: Keyring,
    start: int,
    end: int,
    *,
    progress: Advance = ignore,
    signatures: bool = True,
) -> Report:
    """Makes the checks that need only events and keys; a gap is explained only by ceremonies of
    start … end itself. Checks 10 and 13 need the database: `verify_ledger` makes them."""
    before = before_the_first() if start == 1 else None
    scan = RangeScan(start, end, keys, signatures=signatures)
    for subject in source.get_events_by_sequence_range(max(start - 1, 1), end):
        if subject.sequence < start:
            before = boundary(subject)
            continue
        scan.take(subject)
        progress(1)
    return finish(scan.finish(), before, erased_by=erasures_in(source, keys))


_INTEGERS = frozenset({"sequence", "hash_alg_version", "sig_alg_version"})


class ExportFileError(LedgerError):
    """A line of an export is not an event, or the lines are out of order."""


class ExportFileStore:
    """The events of one export, in sequence order."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get_max_sequence(self) -> int:
        """The last sequence of the file, 0 when it is empty."""
        last = 0
        for subject in self._read():
            last = subject.sequence
        return last

    def get_first_sequence(self) -> int:
        """The first sequence of the file, 0 when it is empty."""
        return next((subject.sequence for subject in self._read()), 0)

    def get_events_by_sequence_range(self, start: int, end: int) -> Iterator[Event]:
        """The events from `start` to `end`, both included.

        Raises:
            ExportFileError: a line is not an event, or out of order.
        """
        for subject in self._read():
            if subject.sequence > end:
                return
            if subject.sequence >= start:
                yield subject

    def verify_sequence_continuity(
        self, start: int = 1, end: int | None = None
    ) -> tuple[bool, tuple[range, ...]]:
        """`(is_continuous, missing_sequences)`, the missing ones as ranges."""
        last = self.get_max_sequence() if end is None else end
        return validate_sequence_continuity(
            (subject.sequence for subject in self._read()), start=start, end=last
        )

    def _read(self) -> Iterator[Event]:
        previous = 0
        try:
            with self.path.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if not line.strip():
                        continue
                    subject = self._event(line, number)
                    if subject.sequence <= previous:
                        raise SequenceOrderError(
                            f"{self.path}, line {number}: AC3: sequence {subject.sequence} "
                            f"follows {previous}"
                        )
                    previous = subject.sequence
                    yield subject
        except OSError as error:
            raise ExportFileError(f"cannot read {self.path}: {error.strerror}") from None

    def _event(self, line: bytes, number: int) -> Event:
        try:
            return event_from_json(canonical.parse(line, stored=True).value)
        except (CanonicalJSONError, ExportFileError) as error:
            raise ExportFileError(f"{self.path}, line {number}: {error}") from None


def event_from_json(document: Any) -> Event:
    """Parses an event from its JSON form (§7 of the HTTP contract).

    Raises:
        ExportFileError: a field is missing, unknown or of the wrong type.
    """
    if not isinstance(document, dict):
        raise ExportFileError("an event is a JSON object")
    if wrong := set(document) ^ set(FIELDS):
        raise ExportFileError(f"missing or unknown fields: {', '.join(sorted(wrong))}")
    for name, value in document.items():
        if not _has_type(name, value):
            raise ExportFileError(f"{name} has the wrong type")
    return Event(**document | {"payload": canonical.canonicalize(document["payload"]).decode()})


def _has_type(name: str, value: Any) -> bool:
    if name == "payload" or (name == "agent_id" and value is None):
        return True
    if name in _INTEGERS:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str)
