"""The report of a verification: the range checked, and every check that failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from events.format.gaps import Gap
from observers.verification.checks import Finding

MAX_FINDINGS = 10_000
"""Findings kept in full; beyond it they are only counted."""


@dataclass(frozen=True, slots=True)
class KnownGap:
    """A gap, and the sequence of the ceremony that documents it, if one does."""

    gap: Gap
    ceremony_sequence: int | None

    @property
    def documented(self) -> bool:
        """True when a ceremony explains the gap; otherwise it is an incident."""
        return self.ceremony_sequence is not None

    def as_dict(self) -> dict[str, int | bool | None]:
        """Returns JSON: `{start, end, count, documented, ceremony_sequence}`."""
        return {
            "start": self.gap.start,
            "end": self.gap.end,
            "count": self.gap.count,
            "documented": self.documented,
            "ceremony_sequence": self.ceremony_sequence,
        }


@dataclass(frozen=True, slots=True)
class KnownErasure:
    """An event whose payload was erased, and the ceremony that decided it."""

    sequence: int
    ceremony_sequence: int
    payload_matched: bool = True
    """False where the ceremony says that the payload had been changed before it was erased."""

    def as_dict(self) -> dict[str, Any]:
        """An entry of `erased`; `payload_matched` only where it is false, as in the ceremony."""
        places = {"sequence": self.sequence, "ceremony_sequence": self.ceremony_sequence}
        return places if self.payload_matched else places | {"payload_matched": False}


@dataclass
class Report:
    """The result of verifying start … end. No finding means sound."""

    start: int
    end: int
    checked: int = 0
    findings: list[Finding] = field(default_factory=list)
    finding_count: int = 0
    documented_gaps: list[KnownGap] = field(default_factory=list)
    erased: list[KnownErasure] = field(default_factory=list)
    """Payloads that a sound ceremony erased: no findings, but what verified is without them."""
    backward_steps: int = 0
    """Events whose authority time is before that of the event before: noted, never a finding,
    because timestamps order nothing (AC3)."""
    last_content_hash: str | None = None
    seconds: float = 0.0

    @property
    def is_sound(self) -> bool:
        """True when every check passed."""
        return self.finding_count == 0

    def as_dict(self) -> dict[str, Any]:
        """The members of an answer of `GET /api/v1/verification`."""
        return {
            "start": self.start,
            "end": self.end,
            "checked": self.checked,
            "is_sound": self.is_sound,
            "finding_count": self.finding_count,
            "findings": [
                {
                    "sequence": finding.sequence,
                    "check": finding.check.value,
                    "check_number": finding.check.number,
                    "detail": finding.detail,
                }
                for finding in self.findings
            ],
            "erased_count": len(self.erased),
            "erased": [known.as_dict() for known in self.erased[:MAX_FINDINGS]],
            "documented_gaps": [known.as_dict() for known in self.documented_gaps],
            "backward_steps": self.backward_steps,
            "last_content_hash": self.last_content_hash,
            "seconds": round(self.seconds, 3),
        }

    def add(self, finding: Finding) -> None:
        """Adds a finding."""
        self.finding_count += 1
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)

    def add_all(self, findings: Iterable[Finding]) -> None:
        """Adds findings made outside the scan, in sequence order."""
        for finding in findings:
            self.add(finding)
        self.sort()

    def sort(self) -> None:
        """Sorts the findings by sequence, then by check."""
        self.findings.sort(key=lambda finding: (finding.sequence, finding.check.number))
