"""Results of each input: counts, digests and names."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_AGENTS = 1001
"""Agents of an input that are remembered: one more than are recorded."""


@dataclass
class Counts:
    """Counts of one input. Sequences and agents are those of added events; `without_time` counts
    records without the requested time fields, `stood_in` those recorded for another agent because
    theirs has no key."""

    read: int = 0
    added: int = 0
    already_there: int = 0
    rejected: int = 0
    wrapped: int = 0
    without_time: int = 0
    stood_in: int = 0
    drifted: int = 0
    first_sequence: int | None = None
    last_sequence: int | None = None
    agents: set[str] = field(default_factory=set)

    def add(self, sequence: int, agent_id: str | None) -> None:
        """Count an added event."""
        self.added += 1
        self.first_sequence = self.first_sequence or sequence
        self.last_sequence = sequence
        if agent_id is not None and len(self.agents) < MAX_AGENTS:
            self.agents.add(agent_id)


@dataclass(frozen=True, slots=True)
class Digests:
    """Size and SHA-256 of a whole file, as stored and uncompressed."""

    bytes: int
    sha256: str
    content_bytes: int
    content_sha256: str


@dataclass
class Report:
    """An input and its results. `line` is the current line; `digests` are set once the input was
    read to its end."""

    label: str
    source: str
    size: int | None = None
    counts: Counts = field(default_factory=Counts)
    format: str | None = None
    preset: str | None = None
    line: int = 0
    digests: Digests | None = None

    def read_as(self, form: str) -> None:
        """Set the detected format of the input."""
        self.format = form
