"""Formats the result of `verify_ledger` for people and machines.

Invariant: the text says so when only part of the checks or of the ledger was covered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from events.format.names import show
from observers.verification.report import Report
from observers.verification_jobs.command_line import Base

SHOWN = 100
_MISMATCHED = (
    ", which says that it had been CHANGED BEFORE: the erased payload did not match its "
    "payload_hash"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A report and its coverage: which checks, since when, on which record."""

    report: Report
    signatures: bool = True
    base: Base | None = None
    record: int | None = None
    cancelled: bool = False
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Returns the members of the printed JSON object."""
        return self.report.as_dict() | {
            "signatures_checked": self.signatures,
            "since": self.base.as_dict() if self.base else None,
            "verification": self.record,
            "notes": list(self.notes),
        }

    def as_text(self) -> str:
        """Formats the report for people."""
        notes = [f"  note: {show(note)}" for note in self.notes]
        return "\n".join([*self._lines(), *notes, self._verdict()])

    def _lines(self) -> Iterator[str]:
        report = self.report
        if report.end >= report.start:
            rate = report.checked / report.seconds if report.seconds else 0
            yield (
                f"Sequences {report.start:,} to {report.end:,}: {report.checked:,} events verified "
                f"in {report.seconds:.1f} s ({rate:,.0f} events/s)."
            )
        if self.base:
            yield (
                f"  only what is new since verification {self.base.verification}, which found "
                f"sequences 1 to {self.base.end:,} sound"
            )
        if self.record:
            yield f"  on record as verification {self.record}"
        for finding in report.findings[:SHOWN]:
            yield (
                f"  sequence {finding.sequence}: check {finding.check.number}, {finding.check}: "
                f"{show(finding.detail)}"
            )
        if report.finding_count > SHOWN:
            more = report.finding_count - SHOWN
            yield f"  … and {more:,} more findings (--json lists more)"
        for known in report.documented_gaps[:SHOWN]:
            yield (
                f"  sequences {known.gap.start} to {known.gap.end} are missing, as documented by "
                f"event {known.ceremony_sequence}"
            )
        for erased in report.erased[:SHOWN]:
            yield (
                f"  sequence {erased.sequence}: the payload was erased by ceremony, event "
                f"{erased.ceremony_sequence}{'' if erased.payload_matched else _MISMATCHED}"
            )
        if len(report.erased) > SHOWN:
            yield f"  … and {len(report.erased) - SHOWN:,} more erased payloads"
        if report.backward_steps:
            yield (
                f"  note: the authority clock stepped back {report.backward_steps:,} times; "
                "the order of events is by sequence and is not touched (AC3)"
            )

    def _verdict(self) -> str:
        report = self.report
        if not report.is_sound:
            return f"NOT SOUND: {report.finding_count:,} findings."
        if self.cancelled:
            return "CANCELLED: the rest was not verified."
        if report.end < report.start:
            if self.base:
                return f"No events after sequence {self.base.end:,}."
            return "The ledger is empty: nothing to verify."
        return (
            "Sound." if self.signatures else "Sound, as far as hashes go: NO SIGNATURE WAS CHECKED."
        )
