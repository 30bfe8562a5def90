"""`verify_ledger`: makes every check of the event format, of continuity and of the head."""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from events.errors import CanonicalJSONError, LedgerError
from events.format import canonical
from events.management.base import LedgerCommand, refuse
from observers.management import arguments
from observers.management.progress import progress_bar
from observers.management.verification_outcome import Outcome
from observers.replica.reading import alias_reaching
from observers.verification.checks import Check
from observers.verification.export_file import ExportFileStore, verify_export
from observers.verification.export_keys import keys_of_export
from observers.verification.keyring import Keyring, KeyringError, keyring_from_json
from observers.verification.ledger import reachable_end, strays_in, verify_ledger
from observers.verification.report import Report
from observers.verification.strays import hidden_rows
from observers.verification_jobs import command_line
from observers.verification_jobs.command_line import last_sound, seam_findings
from observers.verification_jobs.records import CANCELLED


class Command(LedgerCommand):
    """Parse, verify, print."""

    help = "Verify the ledger, or an export of it, event by event.\n\n" + "\n".join(
        f"  {check.number:>2}. {check:<17}  {check.meaning}" for check in Check
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name,
            subcommand,
            formatter_class=RawDescriptionHelpFormatter,
            epilog=arguments.EXIT_CODES
            + "\nAn export is checked without the database: --export FILE. It begins with sequence "
            "1, or with\n--start, and then needs --keys FILE; check 10 needs the ledger itself.",
            **kwargs,
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        arguments.add_range(parser)
        parser.add_argument(
            "--export", type=Path, metavar="FILE", help="verify this JSON lines export instead"
        )
        parser.add_argument(
            "--keys",
            type=Path,
            metavar="FILE",
            help="a saved GET /api/v1/keys: the keys of an export that does not begin with 1; "
            "those of any other are recomputed from its events, and compared with this list",
        )
        parser.add_argument(
            "--genesis",
            type=arguments.fingerprint,
            metavar="FINGERPRINT",
            help="the SHA-256 of the ledger's first public key, in hex, as you know it from "
            "elsewhere: the one thing to trust about an export",
        )
        parser.add_argument(
            "--workers",
            type=arguments.positive,
            default=os.cpu_count() or 1,
            metavar="N",
            help="processes that share the work (default: one per processor; 1: only this one)",
        )
        parser.add_argument(
            "--no-signatures",
            action="store_true",
            help="only hashes, links, keys and gaps, without checks 7 and 9: ten times as fast, "
            "but it cannot see a ledger rewritten from some event to the head",
        )
        parser.add_argument(
            "--since-last-sound",
            action="store_true",
            help="only what is new since the last sound verification from sequence 1 on record; "
            "the event at the seam must still hash as recorded",
        )
        parser.add_argument(
            "--record",
            action="store_true",
            help="keep a record with its progress in the portal; this needs write access, so it "
            "is not the default",
        )
        parser.add_argument(
            "--resume",
            action="store_true",
            help="continue a --record that was killed or interrupted",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        _refuse_conflicting_options(options)
        try:
            outcome = _verify(options)
        except LedgerError as error:
            refuse(str(error))
        as_json = options["json"]
        self.stdout.write(arguments.dump(outcome.as_dict()) if as_json else outcome.as_text())
        if not outcome.report.is_sound:
            sys.exit(arguments.FINDINGS)
        if outcome.cancelled:
            refuse("cancelled before its end")


def _refuse_conflicting_options(options: dict[str, Any]) -> None:
    arguments.require_order(options["start"], options["end"])
    for name in ("keys", "genesis"):
        if options[name] and not options["export"]:
            refuse(f"--{name} needs --export")
    ways = [name for name in ("export", "since_last_sound", "record", "resume") if options[name]]
    if len(ways) > 1:
        first, second = (f"--{name.replace('_', '-')}" for name in ways[:2])
        refuse(f"{first} and {second} cannot be combined")
    if options["no_signatures"] and (options["record"] or options["resume"]):
        refuse("a record covers every check: it cannot be combined with --no-signatures")
    if (options["since_last_sound"] or options["resume"]) and options["start"] != 1:
        refuse("--start cannot be combined with an option that sets where to begin")
    if options["resume"] and options["end"] is not None:
        refuse("--end cannot be combined with --resume, which keeps its end")


def _verify(options: dict[str, Any]) -> Outcome:
    if options["export"]:
        return _verify_export(options)
    if options["record"] or options["resume"]:
        return _verify_on_record(options)
    return _verify_database(options)


def _verify_database(options: dict[str, Any]) -> Outcome:
    signatures = not options["no_signatures"]
    base = last_sound() if options["since_last_sound"] else None
    using = alias_reaching(options["end"] or (base.end if base else 1))
    start, end = base.end + 1 if base else options["start"], reachable_end(using, options["end"])
    with progress_bar(end - start + 1) as advance:
        report = verify_ledger(
            using,
            start,
            end,
            workers=options["workers"],
            progress=advance,
            signatures=signatures,
        )
    if base:
        report.add_all(seam_findings(using, base))
        report.add_all(each.finding() for each in strays_in(using))
    if (base or start == 1) and options["end"] is None:
        for hidden in hidden_rows(using):
            report.add_all(each.finding() for each in hidden)
    return Outcome(report, signatures=signatures, base=base)


def _verify_on_record(options: dict[str, Any]) -> Outcome:
    if options["resume"]:
        record = command_line.interrupted()
    else:
        end = reachable_end(alias_reaching(options["end"] or 1), options["end"])
        if end < options["start"]:
            return Outcome(Report(options["start"], end))
        record = command_line.begin(options["start"], end)
    with progress_bar(record.end_sequence - record.reached_sequence) as advance:
        record = command_line.resume(record, workers=options["workers"], progress=advance)
    return Outcome(
        command_line.as_report(record), record=record.pk, cancelled=record.state == CANCELLED
    )


def _verify_export(options: dict[str, Any]) -> Outcome:
    path, signatures = options["export"], not options["no_signatures"]
    source, began = ExportFileStore(path), time.monotonic()
    first, last = source.get_first_sequence(), source.get_max_sequence()
    start, end = options["start"], options["end"] or last
    if not first:
        refuse(f"{path} holds no event: nothing was verified")
    if last < start:
        refuse(f"{path} ends with sequence {last}, before the start at {start}")
    listed = _read_keys(options["keys"]) if options["keys"] else None
    found = keys_of_export(source, listed, start, genesis=options["genesis"], signatures=signatures)
    with progress_bar(end - start + 1) as advance:
        report = verify_export(
            source, found.keyring, start, end, progress=advance, signatures=signatures
        )
    report.add_all(found.findings)
    report.seconds = time.monotonic() - began
    notes = _notes_on(report, first, None if options["genesis"] else found.genesis)
    return Outcome(report, signatures=signatures, notes=tuple(notes))


def _notes_on(report: Report, first: int, unknown: str | None) -> Iterator[str]:
    """Returns notes that qualify a verdict on an export. `unknown` is the fingerprint of its first
    key, unless the person gave it."""
    if unknown is not None:
        yield (
            f"the fingerprint of the ledger's first key is {unknown}: compare it with one that you "
            "have from elsewhere, because whoever made the events could have made the key"
        )
    if first > report.start:
        yield (
            f"the export begins with sequence {first}, and {report.start} was expected: if it was "
            f"asked for from there, say --start {first}"
        )
    if 1 < first == report.start:
        yield (
            f"the export begins with sequence {first}: that it follows the event before it was "
            "not checked"
        )
    if any(finding.check is Check.GAP for finding in report.findings):
        yield (
            "an export that was filtered leaves numbers out: its events can be verified, but not "
            "that none is missing. Export the whole range to verify that"
        )


def _read_keys(path: Path) -> Keyring:
    try:
        return keyring_from_json(canonical.parse(path.read_bytes()).value)
    except OSError as error:
        refuse(f"cannot read {path}: {error.strerror}")
    except (CanonicalJSONError, KeyringError) as error:
        refuse(f"{path}: {error}")
