"""One ingestion: inputs, one after the other, into the ledger.

It must never print: a `Listener` hears what happens.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Protocol

from events import canonical
from events.errors import CanonicalJSONError
from events.ingest.agents import AgentKeys
from events.ingest.errors import IngestError, RejectedRecordError
from events.ingest.inputs import Input, open_input, source_name
from events.ingest.loading import Counts, Loader
from events.ingest.mapping import Mapping
from events.ingest.presets import Preset, recognize
from events.ingest.records import Reading, Record, read_records
from events.submission import Submission
from events.writer import AtomicEventWriter

DEFAULT_TYPE = "log.line"
_LOOKED_AT = 20
"""Records that are no JSON objects, after which no kind of log is looked for."""


class Listener(Protocol):
    """Hears what happens during an ingestion."""

    def assumed(self, report: Report, preset: Preset | None) -> None:
        """Nothing was said of the mapping; this preset was recognized, or none."""

    def rejected(self, report: Report, record: Record, reason: str) -> None:
        """A record is kept out."""

    def mapped(self, report: Report, record: Record, submission: Submission) -> None:
        """A record became a submission."""

    def noticed(self, report: Report, text: str) -> None:
        """Something was decided of the input without being asked for."""

    def moved(self, report: Report, position: int) -> None:
        """The input was read up to a byte."""


@dataclass
class Report:
    """One input and what became of it. `line` is where reading stands."""

    label: str
    source: str
    counts: Counts = field(default_factory=Counts)
    preset: str | None = None
    line: int = 0


@dataclass
class Ingestion:
    """How to take inputs in. Without `writer` and `agents` records are read and mapped, and
    nothing is written."""

    mapping: Mapping
    recognizing: bool
    reading: Reading
    batch_size: int
    source: str | None
    listener: Listener
    rejects: BinaryIO | None = None
    writer: AtomicEventWriter | None = None
    agents: AgentKeys | None = None
    reports: list[Report] = field(default_factory=list)

    def take(self, place: str) -> None:
        """Take one input in.

        Raises:
            LedgerError: it cannot go on. What was written stays; again from the start, it
                finds those events and adds the rest.
        """
        report = Report(place, self.source or source_name(place))
        self.reports.append(report)
        loader = self._loader(report)
        idle = loader.flush if loader else lambda: None
        with open_input(place, self.source, idle) as opened:
            report.label = opened.label
            self._take(opened, report, loader)

    def _take(self, opened: Input, report: Report, loader: Loader | None) -> None:
        records = read_records(
            opened.chunks,
            self.reading,
            self._spill,
            say=lambda text: self.listener.noticed(report, text),
            label=report.label,
        )
        mapping = self.mapping
        if self.recognizing:
            records, mapping = self._recognize(records, report)
        report.preset = mapping.preset.name if mapping.preset else None
        try:
            for record in records:
                report.line = record.line
                report.counts.read += 1
                self._take_record(record, mapping, report, loader)
                self.listener.moved(report, opened.position())
        except IngestError:
            # The input ends here, not the ledger: what was read of it goes in.
            if loader:
                loader.flush()
            raise
        if loader:
            loader.flush()
        self.listener.moved(report, opened.position())

    def _take_record(
        self, record: Record, mapping: Mapping, report: Report, loader: Loader | None
    ) -> None:
        try:
            if record.problem:
                raise RejectedRecordError(record.problem)
            submission = mapping.submission(record.text, source=report.source, number=record.number)
            if self.agents and submission.agent_id is not None:
                self.agents.require(submission.agent_id)
        except RejectedRecordError as error:
            self._reject(report, record, str(error))
            return
        if mapping.local_time and submission.local_timestamp is None:
            report.counts.without_time += 1
        self.listener.mapped(report, record, submission)
        if loader:
            loader.add(record, submission)

    def _loader(self, report: Report) -> Loader | None:
        if self.writer is None:
            return None
        return Loader(
            self.writer,
            lambda record, reason: self._reject(report, record, reason),
            report.counts,
            self.batch_size,
            report.source,
        )

    def _recognize(
        self, records: Iterator[Record], report: Report
    ) -> tuple[Iterator[Record], Mapping]:
        """The records again, and the mapping for the kind of log that the first of them is."""
        first: list[Record] = []
        preset = None
        for record in records:
            first.append(record)
            value = _value(record)
            preset = recognize(value)
            # No further than needed: a pipe may be slow to bring the next record.
            if preset or isinstance(value, dict) or len(first) == _LOOKED_AT:
                break
        if first:
            self.listener.assumed(report, preset)
        return itertools.chain(first, records), replace(self.mapping, preset=preset)

    def _reject(self, report: Report, record: Record, reason: str) -> None:
        report.counts.rejected += 1
        if original := record.original:
            self._spill(original + b"\n" * (not original.endswith(b"\n")))
        self.listener.rejected(report, record, reason)

    def _spill(self, piece: bytes) -> None:
        if self.rejects:
            self.rejects.write(piece)


def _value(record: Record) -> object:
    try:
        return canonical.parse(record.text).value
    except CanonicalJSONError:
        return None
