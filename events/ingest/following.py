"""Follows logs while they are written, over rotation, truncation and restarts.

Nothing is kept beside the ledger. A start reads every file of a log again, the rotated ones too,
and the event ids tell what is in the ledger already (see `generations`).
"""

from __future__ import annotations

import glob
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

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
from events.ingest.packing import SUFFIXES
from events.ingest.records import Reading, read_records
from events.ingest.reports import Report

LINE_FORMS = ("auto", "lines", "text", "syslog", "cef", "leef", "clf", "kv", "auditd")
"""What a followed log can be read as; auto is JSON lines: what is to come cannot be looked at."""

POLL_SECONDS = 0.5
"""How often a log is looked at that does not grow."""


def expand(patterns: Sequence[str]) -> list[Path]:
    """The logs that names and patterns stand for; a name without a file is waited for. Rotated
    files belong to their log, and are none themselves."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        names = glob.glob(pattern) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207
        for path in map(Path, sorted(names)):
            if not (glob.has_magic(pattern) and is_rotated(path)) and not path.is_dir():
                found[path] = None
    return list(found)


@dataclass
class _Log:
    """One log and its files. `older` are open because they may still grow; `done` are not read
    again."""

    path: Path
    report: Report
    reading: Reading
    intake: Intake
    current: Growing | None = None
    older: list[Growing] = field(default_factory=list)
    done: set[tuple[int, ...]] = field(default_factory=set)
    _look_for_older: bool = True

    def poll(self, stop: threading.Event) -> bool:
        """Take in what is new; whether there was anything."""
        now = time.monotonic()
        if self.current is None:
            # Opened before older files are looked for: what is rotated meanwhile is this one.
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
        """Read no more."""
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
                self._look_for_older = True  # a copy may hold what was not read before
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
        """The record that a line is, in the format that was asked for."""
        return (
            iter([line]) if line.problem else read_records(iter([line.text]), self.reading, nowhere)
        )

    def _take_older(self, now: float) -> None:
        """Take in the rotated files that are not known."""
        known = {growing.key for growing in self._open()}
        for path in rotated(self.path):
            try:
                found = path.stat()
            except FileNotFoundError:
                continue  # it was rotated on; the next look finds it
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
            self._look_for_older = True  # it is being packed just now, or was rotated on
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
        """Refuse what would be added a second time.

        Raises:
            IngestError: files of these logs were taken in without being followed.
        """
        files = {str(one): "" for path in expand(self._patterns) for one in (path, *rotated(path))}
        existing = {place: name for place, name in files.items() if Path(place).is_file()}
        if copies := [] if again else find_copies(self._ingestion.using, existing):
            first = copies[0]
            raise IngestError(
                f"{first.place} was taken in without being followed (import record "
                f"{first.imported.sequence}), under other event ids; --again adds it once more"
            )

    def run(self) -> str | None:
        """Follow until Ctrl-C or SIGTERM; why it had to stop, if it had to."""
        failure = self._ingestion.close_interrupted()
        if failure:
            return failure
        record = self._ingestion.record(self._ingestion.reports)
        with _asked_by_signals(self._stop):
            try:
                while not self._stop.is_set():
                    self._find_logs(record)
                    grew = [log.poll(self._stop) for log in self._logs.values()]
                    if not any(grew):
                        self._stop.wait(POLL_SECONDS)
            except LedgerError as error:
                failure = f"stopped: {error}; run it again to go on"
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
                raise IngestError(f"two of the logs are named {source}; follow them apart")
            if len(self._logs) == MAX_INPUTS:
                raise IngestError(f"more than {MAX_INPUTS} logs; follow them apart")
            form = self._ingestion.reading.form
            reading = replace(self._ingestion.reading, form="lines" if form == "auto" else form)
            report = Report(str(path), source, format=reading.form)
            self._ingestion.reports.append(report)
            intake = self._ingestion.intake(report, record)
            self._logs[path] = _Log(path, report, reading, intake)


@contextmanager
def _asked_by_signals(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM sets `stop`; the second does what it did before."""
    before: dict[int, Any] = {}

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set() and callable(before[number]):
            before[number](number, frame)
        stop.set()

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before[number] = signal.getsignal(number)
            signal.signal(number, ask)
    try:
        yield
    finally:
        for asked, handler in before.items():
            signal.signal(asked, handler or signal.SIG_DFL)
