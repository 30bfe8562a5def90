"""Terminal output of the `ingest` command: preview, progress bar, messages and summary.

Invariant: stdout gets only the summary (and the preview of a dry run), everything else goes to
stderr, and no control character reaches a terminal.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import fields
from types import TracebackType
from typing import Any, Self

import orjson
from django.core.management.base import OutputWrapper
from rich.console import Console as Terminal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from events.format.names import show
from events.ingest.preview import SHOWN, Preview
from events.ingest.preview_words import preview_lines
from events.ingest.records import Record
from events.ingest.reports import Counts, Report
from events.submission import Submission

_UNSAID = ("agents",)
"""Counted for the import record, but not shown."""


class Console:
    """Listener that reports to the terminal. `size` is the number of bytes to read, if known.
    Previews go to `stdout` if it is given, otherwise to `stderr`."""

    def __init__(
        self,
        stderr: OutputWrapper,
        size: int | None,
        max_errors: int,
        verbosity: int,
        stdout: OutputWrapper | None = None,
    ) -> None:
        self._stderr = stderr
        self._stdout = stdout
        self._max_errors = max_errors
        self._verbosity = verbosity
        self._quiet = _LogsHeldBack() if verbosity < 2 else None
        self._errors = 0
        self._mapped = 0
        self._previews: list[Preview] = []
        self._agents: set[str | None] = set()
        self._new_agents: list[str] = []
        self._done_before = 0
        self._position = -1
        self._label = ""
        self._progress = _progress(verbosity > 0 and stderr.isatty())
        self._task: TaskID = self._progress.add_task("", total=size, events=0)

    def __enter__(self) -> Self:
        if self._quiet:
            self._quiet.start()
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
        if self._quiet:
            self._quiet.stop()
        if self._errors > self._max_errors:
            self.say(f"… and {self._errors - self._max_errors:,} more records were rejected")
        if error is not None and not isinstance(error, Exception):
            self.say("interrupted; run it again to finish")

    def show_previews(self, previews: Sequence[Preview]) -> None:
        """Show the preview of some inputs."""
        self._previews += previews
        for line in preview_lines(previews) if self._verbosity else ():
            if self._stdout is None:
                self.say(line)
            else:
                self._stdout.write(show(line))

    def closed(self, import_id: str) -> None:
        """Report that the end of an interrupted import was recorded."""
        self.say(f"the import {import_id} was interrupted; its end has now been recorded")

    def rejected(self, report: Report, record: Record, reason: str) -> None:
        """Explain a rejected record, up to `max_errors` of them."""
        self._errors += 1
        if self._errors <= self._max_errors:
            self.say(f"{report.label}:{record.line}: rejected: {reason}")

    def mapped(self, report: Report, record: Record, submission: Submission) -> None:
        """Count a mapped record and its agent."""
        self._mapped += 1
        self._agents.add(submission.agent_id)

    def noticed(self, report: Report, text: str) -> None:
        """Show a decision about an input."""
        self.say(f"{report.label}: {text}")

    def moved(self, report: Report, position: int) -> None:
        """Update the progress bar."""
        if report.label != self._label:
            self._done_before += max(self._position, 0) if self._label else 0
            self._label, self._position = report.label, -1
        if position != self._position or self._mapped % 256 == 0:
            self._position = position
            self._progress.update(
                self._task,
                completed=self._done_before + position,
                description=show(report.label),
                events=self._mapped,
            )

    @property
    def is_terminal(self) -> bool:
        """True if the user can be asked for confirmation."""
        return self._stderr.isatty() and sys.stdin is not None and sys.stdin.isatty()

    def confirmed(self, question: str) -> bool:
        """Ask on the terminal; any answer but y or yes counts as no."""
        self._progress.stop()
        self._stderr.write(show(f"{question} [y/N] "), ending="")
        self._stderr.flush()
        answer = sys.stdin.readline().strip().lower()
        self._progress.start()
        return answer in ("y", "yes")

    def new_agent(self, agent_id: str, key_id: str) -> None:
        """Report an agent for which a key was created."""
        self._new_agents.append(agent_id)
        self.say(f"new agent {agent_id}: created the key {key_id}")

    def summarize(
        self,
        reports: Sequence[Report],
        stdout: OutputWrapper,
        *,
        as_json: bool,
        dry_run: bool,
        failure: str | None,
    ) -> None:
        """Write the result of each input to stdout."""
        if as_json:
            stdout.write(self._json(reports, dry_run, failure))
            return
        for report in reports:
            stdout.write(_line(report, dry_run))

    def _json(self, reports: Sequence[Report], dry_run: bool, failure: str | None) -> str:
        summary: dict[str, Any] = {
            "complete": failure is None,
            "error": failure,
            "dry_run": dry_run,
            "inputs": [_as_dict(report) for report in reports],
            "new_agents": self._new_agents,
        }
        if dry_run:
            summary |= {
                "agents": sorted(map(str, self._agents)),
                "first": [event for preview in self._previews for event in preview.events][:SHOWN],
                "looks": [preview.as_dict() for preview in self._previews],
            }
        return orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode()

    def say(self, text: str) -> None:
        """Write a message to stderr, above the progress bar."""
        if self._progress.disable:
            self._stderr.write(show(text), str)
        else:
            self._progress.console.print(show(text), markup=False, highlight=False, soft_wrap=True)


class _LogsHeldBack:
    """Keeps log lines below ERROR off the terminal while the progress bar is shown. The log file
    still gets them; `--verbosity 2` shows them."""

    def __init__(self) -> None:
        self._handlers = [
            handler
            for handler in logging.getLogger().handlers
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr
        ]

    def start(self) -> None:
        """Start filtering."""
        for handler in self._handlers:
            handler.addFilter(_is_error)

    def stop(self) -> None:
        """Stop filtering."""
        for handler in self._handlers:
            handler.removeFilter(_is_error)


def _is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR


def _progress(shown: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[events]:,} records"),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Terminal(stderr=True),
        disable=not shown,
        transient=True,
    )


def _as_dict(report: Report) -> dict[str, Any]:
    counts = {
        each.name: getattr(report.counts, each.name)
        for each in fields(Counts)
        if each.name not in _UNSAID
    }
    return {"input": report.label, "source": report.source, "preset": report.preset, **counts}


def _line(report: Report, dry_run: bool) -> str:
    counts = report.counts
    parts = [f"{counts.read:,} read"]
    if not dry_run:
        where = f" (sequence {counts.first_sequence} to {counts.last_sequence})"
        parts.append(f"{counts.added:,} added{where if counts.added else ''}")
        parts.append(f"{counts.already_there:,} already there")
    if counts.wrapped:
        parts.append(f"{counts.wrapped:,} wrapped")
    parts.append(f"{counts.rejected:,} rejected")
    if counts.without_time:
        parts.append(f"{counts.without_time:,} without a time, given the import's clock")
    if counts.stood_in:
        parts.append(f"{counts.stood_in:,} of agents without a key, recorded for --agent")
    if counts.drifted:
        parts.append(f"{counts.drifted:,} with clock drift")
    end = "; dry run, nothing was written" if dry_run else ""
    return f"{show(report.label)} as {show(report.source)}: {', '.join(parts)}{end}"
