"""Follows logs while they are written, across rotation, truncation and restarts.

There is no state outside the ledger: each start reads every file of a log again, including
rotated ones, and skips the events whose ids are in the ledger already (see `generations`).
"""

from __future__ import annotations

import glob
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from events.errors import LedgerError
from events.ingest.errors import IngestError
from events.ingest.framing.record import Record, nowhere
from events.ingest.generations import (
    QUIET_SECONDS,
    Growing,
    Lines,
    id_source,
    is_rotated,
    rotated,
)
from events.ingest.import_records import MAX_INPUTS, ImportRecord, find_copies
from events.ingest.ingestion import Ingestion, Intake, close_record
from events.ingest.inputs import open_bytes, source_name
from events.ingest.loading import first_signal_to
from events.ingest.packing import SUFFIXES
from events.ingest.records import Reading, read_records
from events.ingest.reports import Report

LINE_FORMS = ("auto", "lines", "text", "syslog", "cef", "leef", "clf", "kv", "auditd")
"""Formats of a followed log. auto means JSON lines, as future content cannot be examined."""

POLL_SECONDS = 0.5
"""Poll interval of a log that does not grow."""


def expand(patterns: Sequence[str]) -> list[Path]:
    """Expand names and glob patterns to logs. A name without a file is kept, to wait for the file.
    Rotated files belong to their log and are left out."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        names = glob.glob(pattern) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207
        for path in map(Path, sorted(names)):
            if not (glob.has_magic(pattern) and is_rotated(path)) and not path.is_dir():
                found[path] = None
    return list(found)


@dataclass
class _Log:
    """A log and its files. `older` files are open because they may still grow; `done` files are
    not read again."""

    path: Path
    report: Report
    reading: Reading
    intake: Intake
    current: Growing | None = None
    older: list[Growing] = field(default_factory=list)
    done: set[tuple[int, ...]] = field(default_factory=set)
    _look_for_older: bool = True

    def poll(self, stop: threading.Event) -> bool:
        """Ingest new content; True if there was any."""
        now = time.monotonic()
        if self.current is None:
            # Open before listing older files: if the log is rotated in between, this is that file.
            self.current = Growing.open(self.path, now)
            self._look_for_older = True
        if self._look_for_older:
            self._look_for_older = False
            self._take_older(now)
        grew = False
        for growing in self._open():
            grew = self._drain(growing, now, stop) or grew
        if self.current and not self.current.is_current():
            self.older.append(self.current)
            self.current = None
        for growing in [one for one in self.older if now - one.grew_at > QUIET_SECONDS]:
            self._take(growing.lines, growing.lines.end())
            self._finish(growing)
        self.intake.flush()
        return grew

    def close(self) -> None:
        """Close all files."""
        for growing in self._open():
            growing.close()

    def _open(self) -> list[Growing]:
        return [*self.older, *([self.current] if self.current else [])]

    def _drain(self, growing: Growing, now: float, stop: threading.Event) -> bool:
        grew = False
        while not stop.is_set():
            piece = growing.read(now)
            if piece is None:
                growing.begin_again()
                self._look_for_older = True  # copytruncate: the copy may hold lines not read yet
            elif not piece:
                break
            else:
                grew = True
                self._take(growing.lines, growing.lines.feed(piece))
        return grew

    def _take(self, lines: Lines, records: Iterator[Record]) -> None:
        for record in records:
            self.intake.name(id_source(self.report.source, lines.identity or ""))
            for one in self._read(record):
                self.intake.take(replace(one, number=record.number, line=record.line))

    def _read(self, line: Record) -> Iterator[Record]:
        """Parse one line in the requested format."""
        return (
            iter([line]) if line.problem else read_records(iter([line.text]), self.reading, nowhere)
        )

    def _take_older(self, now: float) -> None:
        """Ingest rotated files that have not been seen yet."""
        known = {growing.key for growing in self._open()}
        for path in rotated(self.path):
            try:
                found = path.stat()
            except FileNotFoundError:
                continue  # rotated again; the next poll finds it
            if (found.st_dev, found.st_ino) in known or _key(found) in self.done:
                continue
            if path.name.endswith(SUFFIXES):
                self._take_packed(path)
                self.done.add(_key(found))
            elif growing := Growing.open(path, now):
                self.older.append(growing)
                if time.time() - found.st_mtime > QUIET_SECONDS:
                    growing.grew_at = now - 2 * QUIET_SECONDS

    def _take_packed(self, path: Path) -> None:
        lines = Lines()
        try:
            with open_bytes(str(path)) as (chunks, _, _):
                for chunk in chunks:
                    self._take(lines, lines.feed(chunk))
        except (IngestError, FileNotFoundError):
            self._look_for_older = True  # still being compressed, or rotated again
            return
        self._take(lines, lines.end())

    def _finish(self, growing: Growing) -> None:
        self.older.remove(growing)
        self.done.add(_key(os.fstat(growing.descriptor)))
        growing.close()


def _key(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class Following:
    """One run of `ingest --follow`."""

    def __init__(self, ingestion: Ingestion, patterns: Sequence[str]) -> None:
        self._ingestion = ingestion
        self._patterns = patterns
        self._logs: dict[Path, _Log] = {}
        self._stop = threading.Event()

    def check(self, *, again: bool) -> None:
        """Refuse logs whose content would be added a second time.

        Raises:
            IngestError: files of these logs were ingested before without `--follow`.
        """
        files = {str(one): "" for path in expand(self._patterns) for one in (path, *rotated(path))}
        existing = {place: name for place, name in files.items() if Path(place).is_file()}
        if copies := [] if again else find_copies(self._ingestion.using, existing):
            first = copies[0]
            raise IngestError(
                f"{first.place} was ingested without --follow (import record "
                f"{first.imported.sequence}), under other event ids; --again adds it once more"
            )

    def run(self) -> str | None:
        """Follow until Ctrl-C or SIGTERM. Returns the reason if something else stopped it."""
        failure = self._ingestion.close_interrupted()
        if failure:
            return failure
        record = self._ingestion.record(self._ingestion.reports)
        with first_signal_to(lambda number: self._stop.set()):
            try:
                while not self._stop.is_set():
                    self._find_logs(record)
                    grew = [log.poll(self._stop) for log in self._logs.values()]
                    if not any(grew):
                        self._stop.wait(POLL_SECONDS)
            except LedgerError as error:
                failure = f"stopped: {error}; run it again to continue"
            finally:
                for log in self._logs.values():
                    log.intake.abandon()
                    log.close()
            reason = failure or "followed until it was asked to stop"
            unclosed = close_record(record, "stopped" if failure else "complete", reason)
        return failure or unclosed

    def _find_logs(self, record: ImportRecord | None) -> None:
        for path in expand(self._patterns):
            if path in self._logs:
                continue
            source = self._ingestion.source or source_name(str(path))
            if any(log.report.source == source for log in self._logs.values()):
                raise IngestError(f"two of the logs are named {source}; follow them separately")
            if len(self._logs) == MAX_INPUTS:
                raise IngestError(f"more than {MAX_INPUTS} logs; follow them separately")
            form = self._ingestion.reading.form
            reading = replace(self._ingestion.reading, form="lines" if form == "auto" else form)
            report = Report(str(path), source, format=reading.form)
            self._ingestion.reports.append(report)
            intake = self._ingestion.intake(report, record)
            self._logs[path] = _Log(path, report, reading, intake)
