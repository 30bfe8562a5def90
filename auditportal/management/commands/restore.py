"""`restore`: loads a backup into an empty database, and verifies it before it may be used."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from auditportal.backup.manifest import NotTheBackupError
from auditportal.backup.restore import Restored, Wanted, restore
from auditportal.bootstrap import require_writable
from events.errors import LedgerError
from events.format.names import show
from events.management.base import LedgerCommand, add_json, refuse
from observers.heads.seen import read_files
from observers.management import arguments
from observers.management.progress import progress_bar

SHOWN = 20


class Command(LedgerCommand):
    """Parse, restore, report."""

    help = (
        "Restore the backup in DIRECTORY into an empty database: the embedded one of a new "
        "PORTAL_HOME, or the one that DATABASE_URL and OWNER_DATABASE_URL name. It checks the "
        "digest of each file, loads the database, grants the roles their rights, and verifies that "
        "the ledger ends where the backup says, every event, and the guards; until all of that "
        "is done no server runs on the database. If the portal saw a later head than the restored "
        "one, the ledger is halted until a ceremony acknowledges the loss. After a kill, run it "
        "again to resume. Exit codes: 0 restored and sound, 1 findings, or halted; 2 not restored."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIRECTORY")
        parser.add_argument(
            "--seen",
            action="append",
            default=[],
            metavar="FILE",
            help="file of heads saved elsewhere, as for compare_heads; may be repeated",
        )
        parser.add_argument(
            "--workers",
            type=arguments.positive,
            default=os.cpu_count() or 1,
            metavar="N",
            help="verifying processes (default: one per processor)",
        )
        parser.add_argument(
            "--accept-findings",
            action="store_true",
            help="open a ledger that already had findings when it was backed up; they remain",
        )
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            seen = [head for _, head in read_files(options["seen"])]
            wanted = Wanted(
                options["directory"].absolute(),
                options["workers"],
                options["accept_findings"],
                seen,
            )
            for warning in require_writable("owner").warnings:
                self.stderr.write(f"WARNING: {warning}")
            with ExitStack() as bars:
                restored = restore(wanted, say=self.stderr.write, progress=_bars(bars))
        except NotTheBackupError as error:
            raise CommandError(str(error), returncode=arguments.FINDINGS) from error
        except LedgerError as error:
            refuse(str(error))
        render = arguments.dump(as_dict(restored)) if options["json"] else as_text(restored)
        self.stdout.write(render)
        if not restored.is_sound:
            sys.exit(arguments.FINDINGS)


def _bars(bars: ExitStack) -> Callable[[int], Callable[[int], None]]:
    """A factory of progress bars that are closed with the stack."""
    return lambda total: bars.enter_context(progress_bar(total))


def as_dict(restored: Restored) -> dict[str, Any]:
    """The result as JSON."""
    return {
        "is_sound": restored.is_sound,
        "is_open": restored.is_open,
        "head": vars(restored.manifest.head),
        "taken_at": restored.manifest.taken_at,
        "verification": restored.report.as_dict(),
        "guards": [each.as_dict() for each in restored.deviations],
        "rollback": restored.rollback.as_dict() if restored.rollback else None,
        "missing_private_keys": list(restored.missing_keys),
    }


def as_text(restored: Restored) -> str:
    """The result as text."""
    head, report = restored.manifest.head, restored.report
    lines = [
        f"The backup of {restored.manifest.taken_at}: {head.event_count:,} events, head "
        f"{head.max_sequence} ({head.content_hash})."
    ]
    lines.append(f"{report.checked:,} events verified in {report.seconds:.1f} s.")
    lines += [
        f"  sequence {finding.sequence}: check {finding.check.number}, {finding.check}: "
        f"{show(finding.detail)}"
        for finding in report.findings[:SHOWN]
    ]
    if report.finding_count > SHOWN:
        lines.append(f"  … and {report.finding_count - SHOWN:,} more findings")
    lines += [f"  {show(str(each))}" for each in restored.deviations[:SHOWN]]
    if restored.missing_keys:
        lines.append(
            f"Missing: {len(restored.missing_keys):,} private keys, the first "
            f"{restored.missing_keys[0]}. Put them into PORTAL_KEY_DIR."
        )
    return "\n".join([*lines, _verdict(restored)])


def _verdict(restored: Restored) -> str:
    if not restored.is_open:
        return (
            "NOT RESTORED: the database stays closed. If the ledger already had these findings "
            "when it was backed up, run this again with --accept-findings."
        )
    if restored.rollback:
        return f"Restored, and HALTED: {restored.rollback.reason}. `ceremony propose clear_halt`."
    return "Restored, and sound." if restored.is_sound else "Restored, WITH FINDINGS."
