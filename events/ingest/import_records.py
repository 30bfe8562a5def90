"""Records each import in the ledger, and detects files that were imported under another name.

An import writes `system.import_started` right before its first event and `system.import_finished`
after its last. An import that adds nothing writes neither. A running import holds an advisory
lock of its session, which tells it from one that died; the next start of `ingest` closes the
latter.

Event ids include the source name, so a rotated, compressed or copied file would be added a second
time. `find_copies` compares digests with the import records in the ledger.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from events.append.writer import AtomicEventWriter
from events.errors import EventIdConflictError
from events.format.canonical import canonicalize
from events.format.event import new_event_id
from events.ingest.errors import IngestError
from events.ingest.inputs import Digest, check_input, open_bytes
from events.ingest.reports import Report
from events.store import imports
from events.store.imports import Imported, list_contents
from events.store.locks import IMPORT, locked, try_lock
from events.submission import Submission

MAX_IMPORTS = 10_000
"""Number of newest imports that are searched for copies."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A file, and the import of the same content, or of its beginning, under another name."""

    place: str
    imported: Imported
    is_grown: bool

    def __str__(self) -> str:
        source, sequence = self.imported.source, self.imported.sequence
        what = (
            f"begins with the {self.imported.content_bytes:,} bytes"
            if self.is_grown
            else "has the content"
        )
        rest = "adds what is new of it" if self.is_grown else "adds nothing"
        return (
            f"{self.place} {what} of {source}, which is in the ledger (import record {sequence}); "
            f"--source {source} {rest}, --again adds all of it once more"
        )


def find_copies(using: str, sources: Mapping[str, str]) -> list[Copy]:
    """Find files that were imported under another source name. `sources` maps each file to its
    source name. Candidates are read once; pipes are not read.

    Raises:
        IngestError: a file cannot be read.
    """
    known = list_contents(using, MAX_IMPORTS)
    found = []
    for place, source in sources.items():
        size = check_input(place)
        others = [one for one in known if one.source != source]
        own = {one.content_sha256 for one in known if one.source == source}
        if size and others and (copy := _copy(place, size, others, own)):
            found.append(copy)
    return found


def _copy(place: str, size: int, others: Sequence[Imported], own: set[str]) -> Copy | None:
    """The import with the same content, or else the longest that the file begins with."""
    by_length: dict[int, dict[str, Imported]] = {}
    for one in others:
        by_length.setdefault(one.content_bytes, {}).setdefault(one.content_sha256, one)
    with open_bytes(place) as (chunks, stored, content):
        if stored is content:  # not packed, so its size is known
            by_length = {length: ones for length, ones in by_length.items() if length <= size}
        marks = sorted(by_length)
        begins: Imported | None = None
        seen = Digest()
        try:
            for chunk in chunks if marks else ():
                piece = memoryview(chunk)
                while marks and seen.bytes + len(piece) >= marks[0]:
                    room = marks.pop(0) - seen.bytes
                    seen.update(piece[:room])
                    piece = piece[room:]
                    if seen.sha256 in own:
                        begins = None  # imported under its own name up to here
                    else:
                        begins = by_length[seen.bytes].get(seen.sha256, begins)
                seen.update(piece)
                if not marks and begins is None:
                    return None
        except IngestError:
            return None  # reported when the file is ingested
    if begins is None or seen.sha256 in own:
        return None
    return Copy(place, begins, is_grown=seen.sha256 != begins.content_sha256)


STARTED, FINISHED = "system.import_started", "system.import_finished"

MAX_INPUTS = 500
"""Inputs of one import, to keep its events small; a run over more makes several imports."""

MAX_AGENTS = 1000
"""Agents named in the record; with more, the list is null."""

MAX_PATH = 1000
"""Characters of a path; a longer one loses its beginning."""


@dataclass
class ImportRecord:
    """The record of one import. `start` is called before every write, but writes only once."""

    writer: AtomicEventWriter
    reports: Sequence[Report]
    options: Mapping[str, Any]
    local_time: str | list[str]
    import_id: str | None = None
    _held: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        """Write `system.import_started` if that is not done yet. Errors as `write_events`."""
        if self.import_id is not None:
            return
        import_id = new_event_id()
        self._held.enter_context(try_lock(self.writer.using, IMPORT, _number(import_id)))
        inputs = [_named(report) for report in self.reports]
        payload = {"import_id": import_id, "inputs": inputs, "options": dict(self.options)}
        try:
            self._write(STARTED, import_id, payload)
        except BaseException:
            self._held.close()
            raise
        self.import_id = import_id

    def finish(self, outcome: str, reason: str | None) -> None:
        """Write `system.import_finished` if the import was started. Errors as `write_events`."""
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
    """Close every import that was started and neither finished nor is running; returns their ids.

    Errors as `write_events`.
    """
    left = {_number(one.payload["import_id"]): one for one in imports.list_open(writer.using)}
    running = locked(writer.using, IMPORT, set(left)) if left else set()
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
            continue  # another process closed it first
        closed.append(import_id)
    return closed


def finish_id(import_id: str) -> str:
    """Event id of an import's end, derived from `import_id` so that an import ends only once."""
    return str(uuid.uuid5(uuid.UUID(import_id), "finished"))


def _interrupted(writer: AtomicEventWriter, started: imports.Started) -> dict[str, Any]:
    """The end of an import that died; its events are among those written since its start."""
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
    """The result of an input. Digests cover whole files: null if not read to the end."""
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
    """Replace characters that a payload cannot hold, such as undecodable bytes of a file name."""
    if isinstance(value, dict):
        return {key: _storable(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(member) for member in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return value
