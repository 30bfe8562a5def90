"""What became of each input, as numbers and names."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_AGENTS = 1001
"""Agents of an input whose names are kept: one more than are recorded."""


@dataclass
class Counts:
    """What became of the records of one input. Sequences and agents are of the events added;
    `without_time` are records that have none of the time fields that were asked for, `stood_in`
    those whose agent has no key, so that another stands in."""

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
        """An event was added."""
        self.added += 1
        self.first_sequence = self.first_sequence or sequence
        self.last_sequence = sequence
        if agent_id is not None and len(self.agents) < MAX_AGENTS:
            self.agents.add(agent_id)


@dataclass(frozen=True, slots=True)
class Digests:
    """Size and SHA-256 of a whole file, as it lies on the disk and unpacked."""

    bytes: int
    sha256: str
    content_bytes: int
    content_sha256: str


@dataclass
class Report:
    """One input and what became of it. `line` is where reading stands; `digests` are there once it
    was read to its end."""

    label: str
    source: str
    size: int | None = None
    counts: Counts = field(default_factory=Counts)
    format: str | None = None
    preset: str | None = None
    line: int = 0
    digests: Digests | None = None

    def read_as(self, form: str) -> None:
        """The form of the input was decided."""
        self.format = form
