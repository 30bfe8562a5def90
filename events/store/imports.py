"""Reads the records of imports in the ledger, and separates the drift of imports from that of
clocks.

A drift warning belongs to an import if its event lies between the first and the last sequence of an
import on record (`system.import_finished`) and is of one of that import's agents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from events.store.connection import fetch_all, fetch_one
from events.store.status import marks_before


@dataclass(frozen=True, slots=True)
class Started:
    """The start record of an import: its sequence and its payload."""

    sequence: int
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A range of events that may belong to an import: count and bounds. `agents` is None if there
    are too many to name."""

    count: int
    first_sequence: int | None
    last_sequence: int | None
    agents: list[str] | None


@dataclass(frozen=True, slots=True)
class Imported:
    """A file that was imported completely: source, size and digest of the unpacked content, and the
    sequence of the import's record."""

    source: str
    content_bytes: int
    content_sha256: str
    sequence: int


def list_contents(using: str, imports: int) -> list[Imported]:
    """The files of the newest `imports` imports."""
    return [Imported(*row) for row in fetch_all(using, "imports.contents", {"imports": imports})]


def list_open(using: str) -> list[Started]:
    """Imports that have a start record and no end record."""
    rows = fetch_all(using, "imports.open_imports")
    return [Started(sequence, dict(as_json(payload))) for sequence, payload in rows]


def find_stretch(using: str, after: int, *, any_id: bool, most_agents: int) -> Stretch:
    """Events after a sequence that may have come from files: those with ids as `ingest` makes them,
    or with `any_id` those of every agent."""
    values = {"after": after, "any_id": any_id, "most": most_agents}
    count, first, last, agents = fetch_one(using, "imports.stretch", values)
    return Stretch(count, first, last, None if len(agents or ()) > most_agents else agents or [])


def as_json(value: Any) -> Any:
    """A JSONB value, parsed if the connection gives it as text."""
    return orjson.loads(value) if isinstance(value, str | bytes) else value


MOST_COUNTED = 1_000_000
"""Limit for classifying the warnings of the last day: 2 µs each."""


@dataclass(frozen=True, slots=True)
class Import:
    """An import on record. `sources` are some of its `inputs`; `agents` None means any agent."""

    sequence: int
    recorded_at: datetime
    outcome: str
    sources: tuple[str, ...]
    inputs: int
    first_sequence: int
    last_sequence: int
    agents: tuple[str, ...] | None

    @property
    def more_inputs(self) -> int:
        """Number of inputs whose source is not among `sources`."""
        return self.inputs - len(self.sources)


@dataclass(frozen=True, slots=True)
class ImportDrift:
    """An import and the number of drift warnings about its events."""

    record: Import
    warnings: int


@dataclass(frozen=True, slots=True)
class ImportSpans:
    """Sequence ranges of imported events: a multirange for each agent, and one for any agent."""

    agents: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    any_agent: str = "{}"

    def parameters(self) -> dict[str, Any]:
        """Parameters of the queries that separate imports."""
        return {
            "import_agents": list(self.agents),
            "import_ranges": list(self.ranges),
            "any_agent": self.any_agent,
        }


@dataclass(frozen=True, slots=True)
class RecentDrift:
    """Number of drift warnings in a period: of running clocks, and of imports."""

    clocks: int
    imports: int

    @property
    def cut(self) -> bool:
        """True if there may be more."""
        return self.clocks + self.imports >= MOST_COUNTED


def list_imports(using: str) -> list[Import]:
    """The imports on record, newest first."""
    return [
        Import(
            sequence,
            recorded_at,
            outcome or "",
            tuple(map(str, sources)),
            inputs,
            first,
            last,
            None if agents is None else tuple(agents),
        )
        for sequence, recorded_at, outcome, sources, inputs, first, last, agents in fetch_all(
            using, "imports.finished_imports"
        )
    ]


def spans_of(imports: Iterable[Import]) -> ImportSpans:
    """The sequence ranges of the events of these imports."""
    spans: dict[str, list[str]] = {}
    of_any: list[str] = []
    for one in imports:
        span = f"[{one.first_sequence},{one.last_sequence}]"
        for agent in one.agents or ():
            spans.setdefault(agent, []).append(span)
        if one.agents is None:
            of_any.append(span)
    ranges = tuple("{" + ",".join(each) + "}" for each in spans.values())
    return ImportSpans(tuple(spans), ranges, "{" + ",".join(of_any) + "}")


def import_spans(using: str) -> ImportSpans:
    """The sequence ranges of the events of all imports on record."""
    return spans_of(list_imports(using))


def drift_of_imports(using: str, imports: Sequence[Import]) -> list[ImportDrift]:
    """The imports that have drift warnings, in their order."""
    values = {
        "firsts": [one.first_sequence for one in imports],
        "lasts": [one.last_sequence for one in imports],
        "named": [one.agents is not None for one in imports],
        "agents": ["\x01".join(one.agents or ()) for one in imports],
    }
    counted = dict(fetch_all(using, "imports.drift_of_imports", values))
    return [
        ImportDrift(one, counted[place])
        for place, one in enumerate(imports, start=1)
        if place in counted
    ]


def recent_drift(using: str, now: datetime) -> tuple[RecentDrift, RecentDrift]:
    """Drift warnings of events of the last hour and of the last day, at most `MOST_COUNTED`."""
    day, hour = marks_before(using, [now - timedelta(days=1), now - timedelta(hours=1)])
    values = {
        "marks": [hour.last_sequence, day.last_sequence],
        "most": MOST_COUNTED,
        **import_spans(using).parameters(),
    }
    of_hour, of_day = fetch_all(using, "imports.drift_counts", values)
    return RecentDrift(*of_hour), RecentDrift(*of_day)
