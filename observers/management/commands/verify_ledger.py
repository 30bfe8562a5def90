"""`verify_ledger`: every check of the event format, of continuity and of the head."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from events import canonical
from events.errors import CanonicalJSONError, LedgerError
from events.store.ledger import PostgresEventStore
from observers import verification
from observers.checks import MEANINGS, Check
from observers.export_file import ExportFileStore
from observers.keyring import Keyring, keyring_from_json
from observers.ledger_check import verify_ledger
from observers.management import arguments
from observers.verification import Report

SHOWN = 100
STEP = 256
"""Events between two movements of the progress bar."""


class Command(BaseCommand):
    """Parse, verify, print."""

    help = "Verify the ledger, or an export of it, event by event.\n\n" + "\n".join(
        f"  {check.number:>2}. {check:<17}  {MEANINGS[check]}" for check in Check
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name,
            subcommand,
            formatter_class=RawDescriptionHelpFormatter,
            epilog=arguments.EXIT_CODES
            + "\nAn export is checked without the database: --export FILE --keys FILE; check 10 "
            "needs the ledger itself.",
            **kwargs,
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        arguments.add_range(parser)
        parser.add_argument(
            "--export", type=Path, metavar="FILE", help="verify this JSON lines export instead"
        )
        parser.add_argument(
            "--keys", type=Path, metavar="FILE", help="its keys: a saved GET /api/v1/keys"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        arguments.require_order(options["start"], options["end"])
        if bool(options["export"]) != bool(options["keys"]):
            arguments.refuse("--export and --keys go together")
        try:
            report = _verify_export(options) if options["export"] else _verify_database(options)
        except LedgerError as error:
            arguments.refuse(str(error))
        self.stdout.write(arguments.dump(report.as_dict()) if options["json"] else as_text(report))
        if not report.is_sound:
            sys.exit(arguments.FINDINGS)


def _verify_database(options: dict[str, Any]) -> Report:
    using = settings.LEDGER_READ_ALIAS
    end = options["end"]
    if end is None:
        end = PostgresEventStore(using).last_sequence()
    with _progress_bar(options["start"], end) as advance:
        return verify_ledger(using, options["start"], options["end"], progress=advance)


def _verify_export(options: dict[str, Any]) -> Report:
    source = ExportFileStore(options["export"])
    start, end = options["start"], options["end"] or source.get_max_sequence()
    if start == 1:
        start = source.get_first_sequence() or 1
    with _progress_bar(start, end) as advance:
        return verification.verify(
            source, _read_keys(options["keys"]), start, end, progress=advance
        )


def _read_keys(path: Path) -> Keyring:
    try:
        return keyring_from_json(canonical.parse(path.read_bytes()).value)
    except OSError as error:
        arguments.refuse(f"cannot read {path}: {error.strerror}")
    except CanonicalJSONError as error:
        arguments.refuse(f"{path}: {error}")


@contextmanager
def _progress_bar(start: int, end: int) -> Iterator[verification.Progress]:
    """A bar on standard error, where that is a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("Verifying", total=max(end - start + 1, 0), rate="")

        def advance(sequence: int) -> None:
            if sequence % STEP == 0 or sequence == end:
                speed = progress.tasks[task].speed
                rate = f"{speed:,.0f} events/s" if speed else ""
                progress.update(task, completed=sequence - start + 1, rate=rate)

        yield advance


def as_text(report: Report) -> str:
    """The report for people."""
    if report.end < report.start:
        return "The ledger is empty: nothing to verify."
    rate = report.checked / report.seconds if report.seconds else 0
    lines = [
        f"Sequences {report.start:,} to {report.end:,}: {report.checked:,} events verified "
        f"in {report.seconds:.1f} s ({rate:,.0f} events/s)."
    ]
    lines += [
        f"  sequence {finding.sequence}: check {finding.check.number}, {finding.check}: "
        f"{finding.detail}"
        for finding in report.findings[:SHOWN]
    ]
    if report.finding_count > SHOWN:
        lines.append(f"  … and {report.finding_count - SHOWN:,} more findings (--json lists more)")
    lines += [
        f"  sequences {known.gap.start} to {known.gap.end} are missing, as documented by "
        f"event {known.ceremony_sequence}"
        for known in report.documented_gaps[:SHOWN]
    ]
    lines += [
        f"  sequence {known.sequence}: the payload was erased by ceremony, event "
        f"{known.ceremony_sequence}"
        for known in report.erased[:SHOWN]
    ]
    if len(report.erased) > SHOWN:
        lines.append(f"  … and {len(report.erased) - SHOWN:,} more erased payloads")
    if report.backward_steps:
        lines.append(
            f"  note: the authority clock stepped back {report.backward_steps:,} times; "
            "the order of events is by sequence and is not touched (AC3)"
        )
    verdict = "Sound." if report.is_sound else f"NOT SOUND: {report.finding_count:,} findings."
    return "\n".join([*lines, verdict])
