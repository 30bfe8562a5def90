"""Records each import in the ledger: what came in from which files, how it was read, how it ended.

An import is two events of the system around its events: `system.import_started` right before the
first of them, `system.import_finished` behind the last. An import that adds nothing has neither. A
session lock of the database tells an import that runs from one that died: the next start of
`ingest` writes the end of that.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from events.canonical import canonicalize
from events.errors import EventIdConflictError
from events.event_ids import new_event_id
from events.ingest.reports import Report
from events.store import imports
from events.store.work_lock import IMPORT, worked_at, working_at
from events.submission import Submission
from events.writer import AtomicEventWriter

STARTED, FINISHED = "system.import_started", "system.import_finished"

MAX_INPUTS = 500
"""Inputs of one import, so that its records stay small; a run over more is several imports."""

MAX_AGENTS = 1000
"""Agents that are named; more are written as null."""

MAX_PATH = 1000
"""Characters of a path; the end of a longer one is kept."""


@dataclass
class ImportRecord:
    """The record of one import. `start` is called before each write, and writes once."""

    writer: AtomicEventWriter
    reports: Sequence[Report]
    options: Mapping[str, Any]
    local_time: str | list[str]
    import_id: str | None = None
    _held: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        """Write the beginning, unless it is written. Errors as `write_events`."""
        if self.import_id is not None:
            return
        import_id = new_event_id()
        self._held.enter_context(working_at(self.writer.using, IMPORT, _number(import_id)))
        inputs = [_named(report) for report in self.reports]
        payload = {"import_id": import_id, "inputs": inputs, "options": dict(self.options)}
        try:
            self._write(STARTED, import_id, payload)
        except BaseException:
            self._held.close()
            raise
        self.import_id = import_id

    def finish(self, outcome: str, reason: str | None) -> None:
        """Write the end of an import that was started. Errors as `write_events`."""
        if self.import_id is None:
            return
        counts = [report.counts for report in self.reports]
        agents = set().union(*(one.agents for one in counts))
        payload = {
            "import_id": self.import_id,
            "outcome": outcome,
            "reason": reason,
            "inputs": [_summed_up(report) for report in self.reports],
            "options": dict(self.options),
            "first_sequence": min(_given(one.first_sequence for one in counts), default=None),
            "last_sequence": max(_given(one.last_sequence for one in counts), default=None),
            "agents": sorted(agents) if len(agents) <= MAX_AGENTS else None,
            "local_time": self.local_time,
        }
        with self._held:
            self._write(FINISHED, finish_id(self.import_id), payload)

    def _write(self, event_type: str, event_id: str, payload: dict[str, Any]) -> None:
        text = canonicalize(_storable(payload))
        self.writer.write_event(Submission(event_type, text, agent_id=None, event_id=event_id))


def close_interrupted(writer: AtomicEventWriter) -> list[str]:
    """Write the end of every import that was started, has no end, and runs nowhere; their ids.

    Errors as `write_events`.
    """
    left = {_number(one.payload["import_id"]): one for one in imports.list_open(writer.using)}
    running = worked_at(writer.using, IMPORT, set(left)) if left else set()
    closed = []
    for number, started in left.items():
        if number in running:
            continue
        text = canonicalize(_interrupted(writer, started))
        import_id = started.payload["import_id"]
        try:
            writer.write_event(
                Submission(FINISHED, text, agent_id=None, event_id=finish_id(import_id))
            )
        except EventIdConflictError:
            continue  # another start was first
        closed.append(import_id)
    return closed


def finish_id(import_id: str) -> str:
    """The event id of an import's end: an import ends once."""
    return str(uuid.uuid5(uuid.UUID(import_id), "finished"))


def _interrupted(writer: AtomicEventWriter, started: imports.Started) -> dict[str, Any]:
    """What can be said of an import that died: its events are among those that came since."""
    payload = started.payload
    options = payload.get("options") or {}
    any_id = bool(options.get("id_field"))
    stretch = imports.find_stretch(
        writer.using, started.sequence, any_id=any_id, most_agents=MAX_AGENTS
    )
    unknown = dict.fromkeys(_MEMBERS)
    return {
        "import_id": payload["import_id"],
        "outcome": "interrupted",
        "reason": "the run ended without a word; first_sequence and last_sequence lie around what "
        "came in by files since it began",
        "inputs": [unknown | one for one in payload["inputs"]],
        "options": options,
        "first_sequence": stretch.first_sequence,
        "last_sequence": stretch.last_sequence,
        "agents": stretch.agents,
        "local_time": "now" if not options.get("local_time") else options["local_time"],
    }


_MEMBERS = (
    "name",
    "source",
    "bytes",
    "sha256",
    "content_bytes",
    "content_sha256",
    "format",
    "preset",
    "read",
    "added",
    "already_there",
    "rejected",
    "wrapped",
    "first_sequence",
    "last_sequence",
)


def _named(report: Report) -> dict[str, Any]:
    return {"name": report.label[-MAX_PATH:], "source": report.source, "bytes": report.size}


def _summed_up(report: Report) -> dict[str, Any]:
    """An input at the end. Digests are of a whole file: what was not read to its end has none."""
    counts, digests = report.counts, report.digests
    return _named(report) | {
        "bytes": digests.bytes if digests else report.size,
        "sha256": digests.sha256 if digests else None,
        "content_bytes": digests.content_bytes if digests else None,
        "content_sha256": digests.content_sha256 if digests else None,
        "format": report.format,
        "preset": report.preset,
        "read": counts.read,
        "added": counts.added,
        "already_there": counts.already_there,
        "rejected": counts.rejected,
        "wrapped": counts.wrapped,
        "first_sequence": counts.first_sequence,
        "last_sequence": counts.last_sequence,
    }


def _number(import_id: str) -> int:
    return int(import_id.replace("-", "")[-7:], 16)


def _given(values: Any) -> list[int]:
    return [value for value in values if value is not None]


def _storable(value: Any) -> Any:
    """The same without what no payload can hold: parts of a file's name that are no text."""
    if isinstance(value, dict):
        return {key: _storable(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(member) for member in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return value
