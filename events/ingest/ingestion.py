"""Ingests inputs into the ledger, one after the other, and reports to a `Listener`.

The first records of an input are buffered, because together they decide which kind of log it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Protocol

from events.append.queue import AppendQueue
from events.append.writer import AtomicEventWriter
from events.errors import LedgerError
from events.ingest import mapping as mappings
from events.ingest.errors import IngestError, RejectedRecordError, UntakableRecordError
from events.ingest.framing.record import Spill, nowhere
from events.ingest.import_records import (
    MAX_INPUTS,
    Copy,
    ImportRecord,
    close_interrupted,
    find_copies,
)
from events.ingest.inputs import STDIN, Input, check_input, open_input, source_name
from events.ingest.loading import AgentKeys, Loader, signals_deferred
from events.ingest.mapping import Wrapping
from events.ingest.preview import (
    PREVIEW_BYTES,
    PREVIEW_RECORDS,
    Preview,
    kind_of,
    preview_records,
    time_fields,
)
from events.ingest.records import Reading, Record, read_records
from events.ingest.reports import Digests, Report
from events.submission import Submission

HOPELESS = 1000
"""The run stops when this many records at the start of an input are all rejected."""

PREVIEW_INPUTS = 100
"""Inputs that are previewed before the first write; further ones are not previewed."""


class Listener(Protocol):
    """Receives the progress of an ingestion."""

    def show_previews(self, previews: Sequence[Preview]) -> None:
        """Inputs were previewed; nothing of them is written yet."""

    def rejected(self, report: Report, record: Record, reason: str) -> None:
        """A record was rejected."""

    def mapped(self, report: Report, record: Record, submission: Submission) -> None:
        """A record was mapped to a submission."""

    def noticed(self, report: Report, text: str) -> None:
        """Something about the input was decided automatically."""

    def moved(self, report: Report, position: int) -> None:
        """The input was read up to this byte."""

    def closed(self, import_id: str) -> None:
        """The end of an interrupted import was recorded."""


@dataclass
class Ingestion:
    """An ingestion of several inputs. Without `writer` and `agents`, records are read and mapped
    but not written. `options` are the user's, for the import record."""

    mapping: mappings.Mapping
    recognizing: bool
    reading: Reading
    batch_size: int
    source: str | None
    listener: Listener
    rejects: BinaryIO | None = None
    writer: AtomicEventWriter | None = None
    appending: AppendQueue | None = None
    agents: AgentKeys | None = None
    max_rejects: int | None = None
    wrapping: Wrapping | None = None
    using: str = "default"
    options: Mapping[str, Any] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    _noticed: set[tuple[str, str]] = field(default_factory=set)

    def preview(self, places: Sequence[str]) -> None:
        """Preview the first records of files before anything is written. A pipe is previewed when
        its records arrive.

        Raises:
            IngestError: a file cannot be read.
        """
        files = [place for place in places if check_input(place) is not None]
        previews = [self._preview(place) for place in files[:PREVIEW_INPUTS]]
        if previews:
            self.listener.show_previews(previews)

    def find_copies(self, places: Sequence[str]) -> list[Copy]:
        """Find files whose content is in the ledger under another name."""
        sources = {place: self.source or source_name(place) for place in places}
        return find_copies(self.using, sources)

    def run(self, places: Sequence[str]) -> str | None:
        """Ingest inputs. Returns the reason if it had to stop. What was written stays: a second run
        finds those events and adds the rest."""
        failure = self.close_interrupted()
        for start in range(0, len(places), MAX_INPUTS):
            failure = failure or self._import(places[start : start + MAX_INPUTS])
        return failure

    def close_interrupted(self) -> str | None:
        """Record the end of imports that died. Returns the reason if that fails."""
        try:
            for import_id in close_interrupted(self.writer) if self.writer else ():
                self.listener.closed(import_id)
        except LedgerError as error:
            return f"stopped before the first file: {error}; run it again"
        return None

    def intake(self, report: Report, record: ImportRecord | None) -> Intake:
        """Create the intake for the records of one input."""
        return Intake(self, report, self._loader(report, record))

    def _import(self, places: Sequence[str]) -> str | None:
        reports = [self._report(place) for place in places]
        record = self.record(reports)
        failure: str | None = None
        try:
            for place, report in zip(places, reports, strict=True):
                self.reports.append(report)
                self.take(place, report, record)
        except LedgerError as error:
            failure = _failure_text(report, error)
        except (KeyboardInterrupt, SystemExit):
            close_record(record, "stopped", "stopped by a signal")
            raise
        unclosed = close_record(record, "stopped" if failure else "complete", failure)
        return failure or unclosed

    def take(self, place: str, report: Report, record: ImportRecord | None) -> None:
        """Ingest one input.

        Raises:
            LedgerError: it cannot continue.
        """
        intake = self.intake(report, record)
        try:
            self._take(place, report, intake)
        except BaseException:
            intake.abandon()
            raise

    def _take(self, place: str, report: Report, intake: Intake) -> None:
        with open_input(place, self.source, intake.flush) as opened:
            try:
                for one in self._records(opened, report, self.spill):
                    intake.take(one)
                    self.listener.moved(report, opened.position())
                intake.flush()
            except IngestError:
                # Only the input is broken: write what was read of it.
                intake.flush()
                raise
            report.digests = _digests(opened)
            self.listener.moved(report, opened.position())

    def decide(self, first: Sequence[Record]) -> mappings.Mapping:
        """Choose the mapping for an input that begins with these records."""
        return replace(self.mapping, preset=kind_of(first)) if self.recognizing else self.mapping

    def show(self, report: Report, first: Sequence[Record], mapping: mappings.Mapping) -> Preview:
        """Preview the first records."""
        return preview_records(
            report, first, mapping, recognized=self.recognizing, using=self.using
        )

    def spill(self, piece: bytes) -> None:
        """Write a piece of a rejected record to the rejects file."""
        if self.rejects:
            self.rejects.write(piece)

    def reject(self, report: Report, record: Record, reason: str) -> None:
        """Count, store and report a rejected record.

        Raises:
            IngestError: too many records were rejected.
        """
        counts = report.counts
        counts.rejected += 1
        if original := record.original:
            self.spill(original + b"\n" * (not original.endswith(b"\n")))
        self.listener.rejected(report, record, reason)
        if self.max_rejects is None:
            if counts.rejected == counts.read == HOPELESS:
                raise IngestError(
                    f"the first {HOPELESS:,} records were all rejected; --dry-run shows how they "
                    "are read; --max-rejects N allows that many rejects"
                )
        elif sum(one.counts.rejected for one in self.reports) > self.max_rejects:
            raise IngestError(
                f"more than {self.max_rejects:,} records were rejected (--max-rejects)"
            )

    def _preview(self, place: str) -> Preview:
        report = self._report(place)
        first: list[Record] = []
        problem = None
        with open_input(place, self.source) as opened:
            try:
                for record in self._records(opened, report, nowhere):
                    first.append(record)
                    if is_enough(first):
                        break
            except IngestError as error:
                if not first:
                    raise
                problem = str(error)  # the records before it can be ingested
        preview = self.show(report, first, self.decide(first))
        preview.problem = problem
        return preview

    def _report(self, place: str) -> Report:
        label = "stdin" if place == STDIN else place
        size = check_input(place)
        return Report(label, self.source or source_name(place), size)

    def _records(self, opened: Input, report: Report, spill: Spill) -> Iterator[Record]:
        return read_records(
            opened.chunks,
            self.reading,
            spill,
            say=lambda text: self._notice(report, text),
            label=report.label,
            decided=report.read_as,
        )

    def _notice(self, report: Report, text: str) -> None:
        """Report a decision once, although a previewed input is read twice."""
        if (report.label, text) not in self._noticed:
            self._noticed.add((report.label, text))
            self.listener.noticed(report, text)

    def record(self, reports: Sequence[Report]) -> ImportRecord | None:
        """Create the import record of these inputs, not started yet; None in a dry run."""
        if self.writer is None:
            return None
        return ImportRecord(self.writer, reports, self.options, time_fields(self.mapping))

    def _loader(self, report: Report, record: ImportRecord | None) -> Loader | None:
        if self.writer is None or self.appending is None or record is None:
            return None
        return Loader(
            self.writer,
            self.appending,
            lambda one, reason: self.reject(report, one, reason),
            report.counts,
            self.batch_size,
            report.source,
            record,
        )


class Intake:
    """Maps and writes the records of one input. Buffers the first until the mapping is decided."""

    def __init__(self, ingestion: Ingestion, report: Report, loader: Loader | None) -> None:
        self._ingestion = ingestion
        self._report = report
        self._loader = loader
        self._source = report.source
        self._held: list[Record] = []
        self._mapping: mappings.Mapping | None = None
        self._stood_in = False

    def take(self, record: Record) -> None:
        """Ingest a record; errors as `AtomicEventWriter.write_events`."""
        if self._mapping is not None:
            self._map(record, self._mapping)
            return
        self._held.append(record)
        if is_enough(self._held):
            self._begin()

    def name(self, source: str) -> None:
        """Use another source for the event ids from now on; errors as `take`."""
        if source != self._source:
            self.flush()
            self._source = source
            if self._loader:
                self._loader.source = source

    def abandon(self) -> None:
        """Count the batches that were being written when the run had to stop."""
        if self._loader:
            with signals_deferred():
                self._loader.abandon()

    def flush(self) -> None:
        """Write everything received so far, at the end or during a pause of the input."""
        if self._held:
            self._begin()
        if self._loader:
            self._loader.flush()

    def _begin(self) -> None:
        held, self._held = self._held, []
        mapping = self._ingestion.decide(held)
        if mapping.own_name:
            mapping = replace(mapping, own_name=self._has_own_name)
        self._mapping = mapping
        self._report.preset = mapping.preset.name if mapping.preset else None
        if self._report.size is None:
            report = replace(self._report, source=self._source)
            self._ingestion.listener.show_previews([self._ingestion.show(report, held, mapping)])
        for record in held:
            self._map(record, mapping)

    def _map(self, record: Record, mapping: mappings.Mapping) -> None:
        report, ingestion = self._report, self._ingestion
        report.line = record.line
        report.counts.read += 1
        try:
            if record.problem:
                raise UntakableRecordError(record.problem)
            self._stood_in = False
            submission = mapping.submission(
                record.text,
                source=self._source,
                number=record.number,
                identity=record.identity,
            )
            if ingestion.agents and submission.agent_id is not None:
                ingestion.agents.require(submission.agent_id)
        except RejectedRecordError as error:
            if not (isinstance(error, UntakableRecordError) and self._wrap(record, str(error))):
                ingestion.reject(report, record, str(error))
            return
        if mapping.local_time and submission.local_timestamp is None:
            report.counts.without_time += 1
        report.counts.stood_in += self._stood_in
        ingestion.listener.mapped(report, record, submission)
        if self._loader:
            self._loader.add(record, submission)

    def _wrap(self, record: Record, reason: str) -> bool:
        """Record an unstorable record as text. False if that is not enabled, the record is too
        long, or the agent cannot sign."""
        report, ingestion = self._report, self._ingestion
        if ingestion.wrapping is None:
            return False
        submission = ingestion.wrapping.submission(record, reason, self._source)
        if submission is None:
            return False
        try:
            if ingestion.agents:
                ingestion.agents.require(ingestion.wrapping.agent)
        except RejectedRecordError:
            return False
        report.counts.wrapped += 1
        ingestion.listener.mapped(report, record, submission)
        if self._loader:
            self._loader.add(record, submission)
        return True

    def _has_own_name(self, agent_id: str) -> bool:
        own_name = self._ingestion.mapping.own_name
        self._stood_in = own_name is not None and not own_name(agent_id)
        return not self._stood_in


def _failure_text(report: Report, error: LedgerError) -> str:
    if isinstance(error, IngestError) and not report.counts.read:
        return f"{error}; nothing of it was written"
    return f"stopped at {report.label}, line {report.line}: {error}; run it again to finish"


def is_enough(first: Sequence[Record]) -> bool:
    """True if these records are enough to decide the kind of log."""
    return len(first) >= PREVIEW_RECORDS or sum(len(one.text) for one in first) >= PREVIEW_BYTES


def _digests(opened: Input) -> Digests:
    stored, content = opened.stored, opened.content
    return Digests(stored.bytes, stored.sha256, content.bytes, content.sha256)


def close_record(record: ImportRecord | None, outcome: str, reason: str | None) -> str | None:
    """Record the end of an import. Returns the reason if that fails."""
    if record is None:
        return None
    try:
        with signals_deferred():
            record.finish(outcome, reason)
    except LedgerError as error:
        return f"the end of the import is not recorded: {error}; the next run records it"
    return None
